//! The list of a bundle's changes, made from the headers of its members and the state before, where nothing else has it.
//! The rules are in `docs/repair.md`. What headers do not say (changes of metadata alone, deletions without a list of names) stays unknown.

use super::lines::PartRange;
use super::members::Members;
use super::members::TarMember;
use crate::archive::rebundle::DirectoryChanges;
use crate::archive::rebundle::OwnMember;
use crate::archive::state::DirectoryRows;
use crate::archive::state::Groups;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::archive::state::impossible_path;
use crate::base::diff;
use crate::base::diff::Pair;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Place;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::base::holes::Holes;
use crate::base::id::BundleId;
use crate::base::id::Hash;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::bundle::Bundle;
use crate::format::manifest::Action;
use crate::format::manifest::Change;
use crate::format::manifest::Head;
use crate::format::tar;
use crate::format::tar::Body;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::iter::Peekable;
use std::sync::Arc;

/// The most bytes that directories and files with several names may take in memory; further ones are left out.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// What one of them takes besides its path and extended attributes, about.
const KEPT_BYTES_EACH: usize = 400;

/// The most sources that are taken from what stands in a tar.
const TOPS_MAX: usize = 1000;

/// A path that is ordered as rows are.
#[derive(Clone, PartialEq, Eq)]
struct ByRow(EntryPathBuf);

impl Ord for ByRow {
    fn cmp(&self, other: &ByRow) -> Ordering {
        self.0.row_order(&other.0)
    }
}

impl PartialOrd for ByRow {
    fn partial_cmp(&self, other: &ByRow) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A directory whose line may have to be made.
struct ListedDirectory {
    entry: Entry,
    /// Known only from what is in it.
    is_implied: bool,
}

/// What must be known of a bundle before its lines can be made in their order: a directory's line stands before its member.
#[derive(Default)]
pub(super) struct HeaderSurvey {
    /// The manifest's first line, if that is all that is left of it.
    pub head: Option<Head>,
    /// Whether there are renames in it.
    has_moves: bool,
    /// The names of the sources in it.
    pub tops: BTreeSet<String>,
    directories: BTreeMap<ByRow, ListedDirectory>,
    /// The first names of files with several.
    linked: HashSet<Vec<u8>>,
    /// What others are copies of.
    copied: HashSet<Vec<u8>>,
    /// Files that are copies of what is in older bundles, and of what.
    copies: BTreeMap<ByRow, (Entry, EntryPathBuf)>,
    kept_bytes: usize,
}

impl HeaderSurvey {
    /// Looks at all headers of a damaged bundle.
    pub fn of(bundle: &Arc<Bundle>) -> HeaderSurvey {
        let mut survey = HeaderSurvey::default();
        let mut members = Members::new(bundle.clone());
        while let Some(found) = members.next() {
            let top = found.path.split_source().and_then(|(top, _)| std::str::from_utf8(top.as_bytes()).ok());
            if let Some(top) = top.filter(|_| survey.tops.len() < TOPS_MAX) {
                survey.tops.insert(top.to_owned());
            }
            if found.told.is_copy {
                survey.add_copied(&found);
            } else if found.told.member.flag == b'1' {
                survey.add_linked(&found.told.member.target);
            }
            survey.add_directories(found);
        }
        survey.head = members.head.take();
        survey.has_moves = !members.moves.is_empty();
        survey
    }

    /// Takes from a later part of the same snapshot the directories whose lines stand in the damaged one.
    pub fn add_later_part(&mut self, bundle: &Arc<Bundle>, share: &PartRange) {
        let mut members = Members::new(bundle.clone());
        while let Some(found) = members.next() {
            self.add_directories(found);
        }
        self.directories.retain(|path, _| share.has(&path.0));
    }

    /// Whether there is any member.
    pub fn has_members(&self) -> bool {
        !self.tops.is_empty() || self.has_moves
    }

    fn add_linked(&mut self, first: &[u8]) {
        if self.takes(first.len()) {
            self.linked.insert(first.to_vec());
        }
    }

    fn add_copied(&mut self, found: &TarMember) {
        let target = &found.told.member.target;
        if !self.takes(2 * target.len() + bytes_of(found.path.as_bytes(), &found.told.entry)) {
            return;
        }
        if let Some(copied) = EntryPathBuf::from_bytes(target).filter(|_| found.is_again) {
            self.copies.insert(ByRow(found.path.clone()), (found.told.entry.clone(), copied));
        } else {
            self.copied.insert(target.clone());
        }
    }

    /// Notes a directory, and those that anything stands in: without them it cannot be restored.
    fn add_directories(&mut self, found: TarMember) {
        let TarMember { path, told, .. } = found;
        let mut implied = Entry { owner: told.entry.owner.clone(), ..Entry::default() };
        let Stat { uid, gid, mtime, .. } = told.entry.stat;
        // Open to its owner only: it may not have allowed more.
        implied.stat = Stat { kind: Kind::Directory, mode: 0o700, uid, gid, mtime, ..Stat::default() };
        let mut above = path.parent();
        while let Some(directory) = above.filter(|above| !above.is_root()) {
            let key = ByRow(directory.to_owned());
            if self.directories.contains_key(&key) || !self.takes(key.0.as_bytes().len()) {
                break;
            }
            above = directory.parent();
            self.directories.insert(key, ListedDirectory { entry: noted(implied.clone()), is_implied: true });
        }
        if told.entry.stat.kind == Kind::Directory && self.takes(bytes_of(path.as_bytes(), &told.entry)) {
            self.directories.insert(ByRow(path), ListedDirectory { entry: noted(told.entry), is_implied: false });
        }
    }

    fn takes(&mut self, bytes: usize) -> bool {
        self.kept_bytes = self.kept_bytes.saturating_add(bytes).saturating_add(KEPT_BYTES_EACH);
        self.kept_bytes <= KEPT_BYTES_MAX
    }
}

/// The renames that stand before all other members.
pub(super) fn renames_in(bundle: &Arc<Bundle>) -> Vec<(EntryPathBuf, EntryPathBuf)> {
    let mut members = Members::new(bundle.clone());
    members.next();
    members.moves
}

/// The path of the first member that is not a directory: where a part's own lines begin, about.
pub(super) fn first_row(bundle: &Arc<Bundle>) -> Option<EntryPathBuf> {
    let mut members = Members::new(bundle.clone());
    std::iter::from_fn(|| members.next())
        .find(|found| found.told.entry.stat.kind != Kind::Directory && !found.is_again)
        .map(|found| found.path)
}

fn bytes_of(path: &[u8], entry: &Entry) -> usize {
    path.len() + entry.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

/// An entry marked to be looked at again, since its headers do not say all.
fn noted(mut entry: Entry) -> Entry {
    entry.stat.ctime = entry.stat.mtime;
    entry.stat.racy = matches!(entry.stat.kind, Kind::File | Kind::Symlink);
    entry
}

/// The changes that a bundle's headers tell, directory by directory.
pub(super) struct FromHeaders {
    bundle: BundleId,
    before: State,
    old: Peekable<Groups>,
    members: Option<Members>,
    waiting: Option<TarMember>,
    survey: HeaderSurvey,
    /// Files with several names, by the first.
    firsts: HashMap<Vec<u8>, Entry>,
    firsts_bytes: usize,
    share: PartRange,
    /// Of the present directory, what is a copy of what.
    copies: HashMap<EntryPathBuf, EntryPathBuf>,
    /// Directories that are gone, whose former contents are still to come.
    pub gone: BTreeSet<EntryPathBuf>,
    /// The last line that was returned.
    pub last: Option<EntryPathBuf>,
}

/// Which part of its snapshot a bundle is.
pub struct PartOf {
    pub id: BundleId,
    /// Which of the snapshot's paths it has.
    pub share: PartRange,
    /// Directories that went in earlier parts of the same snapshot.
    pub gone: BTreeSet<EntryPathBuf>,
}

impl FromHeaders {
    /// `old` is the damaged bundle, if there are members in it.
    pub fn new(old: Option<&Arc<Bundle>>, survey: HeaderSurvey, before: State, part: PartOf) -> FromHeaders {
        let PartOf { id: bundle, share, gone } = part;
        let mut members = old.cloned().map(Members::new);
        FromHeaders {
            bundle,
            old: before.groups(EntryPath::root()).peekable(),
            before,
            waiting: members.as_mut().and_then(next_in_order),
            members,
            survey,
            firsts: HashMap::new(),
            firsts_bytes: 0,
            copies: HashMap::new(),
            last: share.after.clone(),
            share,
            gone,
        }
    }

    pub fn next(&mut self) -> Result<Option<DirectoryChanges>> {
        while let Some(directory) = self.next_directory() {
            let group = self.group(directory)?;
            if group.member.is_some() || !group.changes.is_empty() {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }

    /// The next directory in which something was, is stored, or has a line.
    fn next_directory(&mut self) -> Option<Vec<u8>> {
        let path = |group: &Result<DirectoryRows>| {
            group.as_ref().map(|group| group.path.as_bytes().to_vec()).unwrap_or_default()
        };
        let old = self.old.peek().map(path).filter(|directory| !self.is_beyond(directory));
        let stored = self.waiting.as_ref().map(TarMember::directory);
        let listed = self.survey.directories.first_key_value().map(|(key, _)| path::split_last(key.0.as_bytes()).0);
        let copied = self.survey.copies.first_key_value().map(|(key, _)| path::split_last(key.0.as_bytes()).0);
        let first =
            [old.as_deref(), stored, listed, copied].into_iter().flatten().min_by(|a, b| path::walk_order(a, b));
        first.map(<[u8]>::to_vec)
    }

    fn group(&mut self, directory: Vec<u8>) -> Result<DirectoryChanges> {
        let is_here =
            |group: &Result<DirectoryRows>| group.as_ref().map_or(true, |group| group.path.as_bytes() == directory);
        let mut old = Vec::new();
        while let Some(piece) = self.old.next_if(is_here).transpose()? {
            old.extend(piece.rows);
        }
        self.drop_passed(&directory);
        let mut told = self.listed_directories(&directory, &old);
        let mut member = None;
        while self.waiting.as_ref().is_some_and(|found| found.directory() == directory) {
            let Some(found) = self.waiting.take() else { break };
            if found.told.entry.stat.kind == Kind::Directory {
                let lists = found.told.listing.clone();
                let known = member.take();
                let own = known.map_or_else(|| self.own_member(found), Ok)?;
                member = Some(OwnMember { lists: own.lists.into_iter().chain(lists).collect(), ..own });
            } else {
                let name = found.path.name_bytes().to_vec();
                told.extend(self.entry(found).map(|entry| (name, entry)));
            }
            self.waiting = self.members.as_mut().and_then(next_in_order);
        }
        self.add_copies(&directory, &mut told)?;
        let told: Vec<(Vec<u8>, Entry)> = told.into_iter().collect();
        if let Some(member) = member.as_mut().filter(|member| !are_understood(&directory, &member.lists)) {
            member.lists.clear();
        }
        let lists = member.as_ref().map_or(&[][..], |member| &member.lists);
        let changes = self.changes(&directory, &old, &told, lists)?;
        Ok(DirectoryChanges { directory, changes, member })
    }

    /// Whether all lines of a directory belong to later parts.
    fn is_beyond(&self, directory: &[u8]) -> bool {
        let end = self.share.before.as_ref().map(|before| path::split_last(before.as_bytes()).0);
        end.is_some_and(|end| path::walk_order(directory, end).is_gt())
    }

    /// Drops directories that stand before this one in the order of a walk.
    fn drop_passed(&mut self, directory: &[u8]) {
        if self.is_beyond(directory) {
            return;
        }
        let is_passed = |gone: &EntryPath| {
            path::walk_order(gone.as_bytes(), directory).is_lt() && !path::is_in(directory, gone.as_bytes())
        };
        while self.gone.first().is_some_and(|gone| is_passed(gone)) {
            self.gone.pop_first();
        }
    }

    /// The directories in this one that have members, or that must have been there and were not known before.
    fn listed_directories(&mut self, directory: &[u8], old: &[Row]) -> BTreeMap<Vec<u8>, Entry> {
        let is_known = |name: &[u8]| {
            let row = old.binary_search_by(|row| row.name().cmp(name)).ok().and_then(|at| old[at].stat());
            row.is_some_and(|stat| stat.kind == Kind::Directory)
        };
        let mut told = BTreeMap::new();
        while let Some(first) = self.survey.directories.first_entry() {
            if path::split_last(first.key().0.as_bytes()).0 != directory {
                break;
            }
            let (key, listed) = first.remove_entry();
            if !listed.is_implied || !is_known(key.0.name_bytes()) {
                told.insert(key.0.name_bytes().to_vec(), listed.entry);
            }
        }
        told
    }

    /// The files in a directory that are copies of what is in older bundles, if it is known what that is.
    fn add_copies(&mut self, directory: &[u8], told: &mut BTreeMap<Vec<u8>, Entry>) -> Result<()> {
        self.copies.clear();
        while let Some(first) = self.survey.copies.first_entry() {
            if path::walk_order(path::split_last(first.key().0.as_bytes()).0, directory).is_gt() {
                break;
            }
            let (ByRow(path), (entry, copied)) = first.remove_entry();
            let known = self.before.find(&copied)?.filter(|known| known.stat.kind == Kind::File);
            if let Some(known) = known.filter(|_| path::split_last(path.as_bytes()).0 == directory) {
                told.insert(path.name_bytes().to_vec(), with_content_of(noted(entry), &known));
                self.copies.insert(path, copied);
            }
        }
        Ok(())
    }

    /// A directory's own member. If its headers are those of the known entry, that one is taken: it says more.
    fn own_member(&mut self, found: TarMember) -> Result<OwnMember> {
        let older = self.before.find(&found.path)?;
        let entry = noted(found.told.entry);
        let entry = older.filter(|older| is_told_alike(&found.path, older, &entry)).unwrap_or(entry);
        Ok(OwnMember { entry, lists: Vec::new() })
    }

    /// What a member is; `None` for a second name whose first cannot be read: not even its type is known.
    fn entry(&mut self, found: TarMember) -> Option<Entry> {
        let TarMember { path, told, content_at, .. } = found;
        if told.is_copy {
            // It is stored by itself, then.
            return self.firsts.get(&told.member.target).map(|first| with_content_of(noted(told.entry), first));
        }
        if told.member.flag == b'1' {
            return self.firsts.get(&told.member.target).cloned();
        }
        let mut entry = noted(told.entry);
        if entry.stat.kind == Kind::File {
            let hash = self.members.as_mut().and_then(|members| members.tar.hash(content_at, entry.stat.size));
            let place = Place { bundle: self.bundle, offset: content_at };
            let place = if hash.is_some() { place } else { Place::lost(self.bundle) };
            entry.content = Some(Content {
                hash: hash.unwrap_or(Hash::UNKNOWN),
                place,
                holes: Holes::default(),
                patch: None,
                torn: false,
            });
        }
        let is_linked = self.survey.linked.contains(path.as_bytes());
        if is_linked || self.survey.copied.contains(path.as_bytes()) {
            self.firsts_bytes += bytes_of(path.as_bytes(), &entry) + KEPT_BYTES_EACH;
            if self.firsts_bytes <= KEPT_BYTES_MAX {
                entry.stat.link = if is_linked { content_at } else { 0 };
                self.firsts.insert(path.as_bytes().to_vec(), entry.clone());
            }
        }
        Some(entry)
    }

    /// The lines of a directory: what was in it before, against what its members and the list of its names say.
    fn changes(
        &mut self,
        directory: &[u8],
        old: &[Row],
        told: &[(Vec<u8>, Entry)],
        lists: &[Vec<u8>],
    ) -> Result<Vec<Change>> {
        let is_all_gone = self.is_gone(directory);
        let mut deleted = Deleted::new(directory, lists);
        let mut changes = Vec::new();
        for pair in diff::pairs(old, told, |row, (name, _)| row.name().cmp(name)) {
            let (name, row, entry) = match pair {
                Pair::Old(row) => (row.name(), Some(row), None),
                Pair::New((name, entry)) => (name.as_slice(), None, Some(entry)),
                Pair::Both(row, (name, entry)) => (name.as_slice(), Some(row), Some(entry)),
            };
            let path = EntryPathBuf::from_bytes(&path::joined(directory, name)).ok_or_else(impossible_path)?;
            let older = row.and_then(Row::stat).map(|stat| stat.kind);
            let now = match (older, entry) {
                (Some(Kind::Directory), Some(entry)) if entry.stat.kind == Kind::Directory => {
                    let older = row.map(Row::entry).transpose()?.flatten();
                    if older.is_some_and(|older| is_told_alike(&path, &older, entry)) {
                        continue;
                    }
                    Action::Stored(entry.clone())
                }
                (_, Some(entry)) if self.copies.contains_key(&path) => Action::Referenced(entry.clone()),
                (_, Some(entry)) => Action::Stored(entry.clone()),
                (Some(kind), None) if is_all_gone || deleted.has(name, kind) => Action::Removed(kind),
                (_, None) => continue,
            };
            let stays = matches!(&now, Action::Stored(entry) if entry.stat.kind == Kind::Directory);
            if older == Some(Kind::Directory) && !stays && !is_all_gone {
                self.gone.insert(path.clone());
            }
            if self.share.has(&path) {
                self.last = Some(path.clone());
                let copy_of = self.copies.remove(&path);
                changes.push(Change { path, now, copy_of });
            }
        }
        Ok(changes)
    }

    /// Whether a directory went with one above it.
    fn is_gone(&self, directory: &[u8]) -> bool {
        // Those before it were dropped, and one that is in another is not noted beside it.
        self.gone.first().is_some_and(|gone| path::is_in(directory, gone.as_bytes()))
    }
}

/// An entry with the content of another file.
fn with_content_of(entry: Entry, other: &Entry) -> Entry {
    Entry { stat: Stat { size: other.stat.size, ..entry.stat }, content: other.content.clone(), ..entry }
}

/// Whether two directories have the same headers, so that they may be the same.
fn is_told_alike(path: &EntryPath, a: &Entry, b: &Entry) -> bool {
    let headers = |entry: &Entry| {
        let mut bytes = Vec::new();
        tar::append_header(&mut bytes, path.as_bytes(), entry, Body::Itself);
        bytes
    };
    headers(a) == headers(b)
}

/// The next member, without repeated headers of directories: they say nothing new.
fn next_in_order(members: &mut Members) -> Option<TarMember> {
    std::iter::from_fn(|| members.next()).find(|found| !found.is_again)
}

/// Whether it is known what a directory's lists of names mean.
fn are_understood(directory: &[u8], lists: &[Vec<u8>]) -> bool {
    match lists {
        [names] => tar::listed(names).is_some(),
        lists => tar::renamed_away(directory, lists).is_some(),
    }
}

/// What lists of names delete, asked for in the order of names.
struct Deleted<'a> {
    listing: Option<Peekable<Box<dyn Iterator<Item = (u8, &'a [u8])> + 'a>>>,
    renamed_away: HashSet<&'a [u8]>,
}

impl<'a> Deleted<'a> {
    fn new(directory: &[u8], lists: &'a [Vec<u8>]) -> Deleted<'a> {
        let renamed_away = tar::renamed_away(directory, lists).into_iter().flatten().collect();
        let names = lists.first().filter(|_| lists.len() == 1).and_then(|names| tar::listed(names));
        let boxed = |names| Box::new(names) as Box<dyn Iterator<Item = (u8, &'a [u8])> + 'a>;
        Deleted { listing: names.map(|names| boxed(names).peekable()), renamed_away }
    }

    /// As GNU tar does it: what is not in the list, what is said to be a directory and is none, what was to be looked at and is
    /// one.
    fn has(&mut self, name: &[u8], kind: Kind) -> bool {
        let Some(listing) = &mut self.listing else { return self.renamed_away.contains(name) };
        while listing.next_if(|(_, listed)| *listed < name).is_some() {}
        match listing.next_if(|(_, listed)| *listed == name) {
            None => true,
            Some((b'D', _)) => kind != Kind::Directory,
            Some((b'Y', _)) => kind == Kind::Directory,
            Some(_) => false,
        }
    }
}
