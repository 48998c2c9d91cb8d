//! A sound archive taken apart, to be put together again with one wrong statement in it: tar members, lines of
//! manifests, frames and tables. Knows the format as its documentation gives it; reads headers and lists with the
//! library. What a test does not change (where contents begin, how many lines there are, the hash of the manifest
//! before) is right.

use serde_json::Value;
use serde_json::json;
use snap_archive::base::id::Hash;
use snap_archive::format::tar;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::system::store::read_small;
use std::collections::BTreeMap;
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

/// More than any file of an archive here.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// How many members stand in a frame.
const FRAME_MEMBERS: usize = 5;

const MANIFEST: &str = ".snap-manifest.jsonl";

/// Changes bytes that are finished otherwise.
type Act = Box<dyn Fn(&mut Vec<u8>)>;

/// An archive.
pub struct Book {
    /// Its bundles, in order.
    pub pages: Vec<Page>,
    /// All other files, by their names in the archive; none of the index.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A bundle.
pub struct Page {
    /// Its file name.
    pub name: String,
    /// The members before the manifest.
    pub members: Vec<Member>,
    /// The headers of the manifest's member; empty: they are made.
    pub manifest_headers: Vec<u8>,
    /// The lines of the manifest. `changes`, `manifest_offset` and the hash in `parent` are filled in where they are missing.
    pub lines: Vec<String>,
    /// What is behind the manifest instead of padding and the end of the tar.
    pub end: Option<Vec<u8>>,
    /// Compresses the frame with this number in another way.
    pub compress: Option<(usize, fn(&[u8]) -> Vec<u8>)>,
    /// What is done to the table, and then to the file.
    pub table: Option<Act>,
    pub file: Option<Act>,
}

/// A tar member.
#[derive(Clone)]
pub struct Member {
    /// All its headers.
    pub headers: Vec<u8>,
    /// What follows, its padding among it.
    pub content: Vec<u8>,
    /// Where that began.
    offset: u64,
}

impl Book {
    /// Takes apart what is in a store.
    pub fn open(store: &dyn Store) -> Book {
        let read = |name: &str| read_small(store, name, FILE_BYTES_MAX).unwrap();
        let listed = |directory: &str| store.list(directory).unwrap().into_iter().map(|(name, _)| name);
        let files = ["archive.toml", "marks.txt"].into_iter().filter(|name| store.open(name).is_ok());
        let files = files.map(|name| (name.to_owned(), read(name))).collect();
        let mut names: Vec<String> = listed("bundles").collect();
        names.sort();
        let pages = names.into_iter().map(|name| Page::open(&read(&format!("bundles/{name}")), name)).collect();
        Book { pages, files }
    }

    /// Puts it together.
    pub fn store(&self) -> MemoryStore {
        let store = MemoryStore::new();
        for (name, bytes) in &self.files {
            store.replace(name, bytes).unwrap();
        }
        let mut before = None;
        for page in &self.pages {
            let (bytes, manifest) = page.to_bytes(before);
            store.replace(&format!("bundles/{}", page.name), &bytes).unwrap();
            before = Some(manifest);
        }
        store
    }
}

impl Page {
    fn open(bytes: &[u8], name: String) -> Page {
        let raw = zstd::stream::decode_all(bytes).unwrap();
        let (mut members, mut at) = (Vec::new(), 0);
        loop {
            let member = tar::read_header(&mut &raw[at..]).unwrap().unwrap();
            let start = at + member.header_bytes as usize;
            let end = start + member.size as usize;
            if member.path == MANIFEST.as_bytes() {
                let text = std::str::from_utf8(&raw[start..end]).unwrap();
                let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
                let last = lines.len() - 1;
                edit(&mut lines[0], |head| {
                    head.get_mut("parent").map(|parent| parent.as_object_mut().unwrap().remove("manifest"));
                });
                edit(&mut lines[last], |tail| {
                    for told in ["changes", "manifest_offset"] {
                        tail.as_object_mut().unwrap().remove(told);
                    }
                });
                let (manifest_headers, end, compress, table, file) = (Vec::new(), None, None, None, None);
                return Page { name, members, manifest_headers, lines, end, compress, table, file };
            }
            let padded = end + tar::padding(member.size);
            let (headers, content) = (raw[at..start].to_vec(), raw[start..padded].to_vec());
            members.push(Member { headers, content, offset: start as u64 });
            at = padded;
        }
    }

    /// The file, and the hash of its manifest.
    fn to_bytes(&self, before: Option<Hash>) -> (Vec<u8>, Hash) {
        let (frames, offsets) = self.data();
        let data_bytes = frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
        let mut headers = self.manifest_headers.clone();
        if headers.is_empty() {
            // Their length does not depend on the size.
            tar::append_plain_file_header(&mut headers, MANIFEST, 0, 0);
        }
        let lines = self.filled_in(before, &offsets, data_bytes + headers.len() as u64);
        let mut manifest = (lines.join("\n") + "\n").into_bytes();
        let (hash, size) = (Hash::of(&manifest), manifest.len() as u64);
        if self.manifest_headers.is_empty() {
            headers.clear();
            tar::append_plain_file_header(&mut headers, MANIFEST, size, 0);
        }
        match &self.end {
            Some(end) => manifest.extend_from_slice(end),
            None => {
                tar::pad(&mut manifest, size);
                manifest.extend_from_slice(&[0; tar::END_BYTES]);
            }
        }
        let frames: Vec<Vec<u8>> = frames.into_iter().chain([headers, manifest]).collect();
        (self.compressed(&frames), hash)
    }

    /// The frames before the manifest's, and where contents begin now that began elsewhere.
    fn data(&self) -> (Vec<Vec<u8>>, BTreeMap<u64, u64>) {
        let (mut offsets, mut at) = (BTreeMap::new(), 0);
        for member in &self.members {
            offsets.insert(member.offset, at + member.headers.len() as u64);
            at += (member.headers.len() + member.content.len()) as u64;
        }
        let frame = |members: &[Member]| {
            members.iter().flat_map(|member| [&member.headers[..], &member.content].concat()).collect()
        };
        (self.members.chunks(FRAME_MEMBERS).map(frame).collect(), offsets)
    }

    fn filled_in(&self, before: Option<Hash>, offsets: &BTreeMap<u64, u64>, manifest_offset: u64) -> Vec<String> {
        let mut lines = self.lines.clone();
        let last = lines.len() - 1;
        for (number, line) in lines.iter_mut().enumerate() {
            let is_moved = offsets.iter().any(|(old, new)| old != new);
            if number > 0 && number < last && !(is_moved && line.contains("\"offset\"")) {
                continue;
            }
            edit(line, |value| {
                if number == 0
                    && let Some(parent) = value.get_mut("parent").filter(|parent| parent.get("manifest").is_none())
                {
                    parent["manifest"] = json!(before.unwrap_or(Hash([0; 32])).to_string());
                } else if number == last && value.is_object() {
                    for (told, due) in [("changes", last as u64 - 1), ("manifest_offset", manifest_offset)] {
                        value.as_object_mut().unwrap().entry(told).or_insert(json!(due));
                    }
                } else if let Some(offset) = value.get("offset").and_then(Value::as_u64)
                    && let Some(new) = offsets.get(&offset)
                {
                    value["offset"] = json!(new);
                }
            });
        }
        lines
    }

    fn compressed(&self, frames: &[Vec<u8>]) -> Vec<u8> {
        let (mut file, mut rows) = (Vec::new(), Vec::new());
        for (number, raw) in frames.iter().enumerate() {
            let other = self.compress.filter(|(other, _)| *other == number);
            let stored = other.map_or_else(|| compressed(raw), |(_, compress)| compress(raw));
            rows.extend([(stored.len() as u32).to_le_bytes(), (raw.len() as u32).to_le_bytes()].concat());
            file.extend(stored);
        }
        let mut table = [&0x184D_2A5E_u32.to_le_bytes()[..], &(rows.len() as u32 + 9).to_le_bytes()].concat();
        table.extend_from_slice(&rows);
        table.extend_from_slice(&(frames.len() as u32).to_le_bytes());
        table.push(0);
        table.extend_from_slice(&0x8F92_EAB1_u32.to_le_bytes());
        if let Some(act) = &self.table {
            act(&mut table);
        }
        file.extend(table);
        if let Some(act) = &self.file {
            act(&mut file);
        }
        file
    }

    /// The number of the line that says something of `path`.
    #[track_caller]
    pub fn line_of(&self, path: &str) -> usize {
        let is_it = |line: &String| serde_json::from_str::<Value>(line).unwrap()["path"] == path;
        let found = self.lines.iter().position(is_it);
        found.unwrap_or_else(|| panic!("no line of {path} in {}: {:#?}", self.name, self.lines))
    }

    /// The number of the member with this name.
    #[track_caller]
    pub fn member_of(&self, name: &str) -> usize {
        let found = self.members.iter().position(|member| member.name() == name.as_bytes());
        let names = || self.members.iter().map(|member| member.name().escape_ascii().to_string()).collect::<Vec<_>>();
        found.unwrap_or_else(|| panic!("no member {name} in {}: {:?}", self.name, names()))
    }

    /// Changes a line with these fields; `null` takes one away.
    #[track_caller]
    pub fn say(&mut self, path: &str, fields: &Value) {
        let line = self.line_of(path);
        say(&mut self.lines[line], fields);
    }

    /// Changes the first line.
    pub fn say_first(&mut self, fields: &Value) {
        say(&mut self.lines[0], fields);
    }

    /// Changes the last line.
    pub fn say_last(&mut self, fields: &Value) {
        say(self.lines.last_mut().unwrap(), fields);
    }

    /// The member with this name.
    #[track_caller]
    pub fn member(&mut self, name: &str) -> &mut Member {
        let number = self.member_of(name);
        &mut self.members[number]
    }
}

impl Member {
    /// Its name as it stands in the tar.
    pub fn name(&self) -> Vec<u8> {
        tar::read_header(&mut self.headers.as_slice()).unwrap().unwrap().path
    }

    /// Changes bytes of its header, the last block of all, and puts the checksum right.
    pub fn set(&mut self, at: usize, bytes: &[u8]) {
        let header = self.headers.last_chunk_mut::<{ tar::BLOCK_BYTES }>().unwrap();
        header[at..at + bytes.len()].copy_from_slice(bytes);
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
    }

    /// Puts other pax records in place of those that it has.
    pub fn set_records(&mut self, records: &[u8]) {
        let header = *self.headers.last_chunk::<{ tar::BLOCK_BYTES }>().unwrap();
        self.headers = crate::support::forge::member(b"PaxHeaders/x", b'x', records.len() as u64, b"", records);
        self.headers.extend_from_slice(&header);
    }

    /// Puts another list of names in place of the one that it has, or gives it one.
    pub fn set_list(&mut self, list: &[u8]) {
        self.set_records(&crate::support::forge::pax("GNU.dumpdir", list));
    }

    /// Its list of names.
    pub fn list(&self) -> Vec<u8> {
        tar::read_entry(&mut self.headers.as_slice()).unwrap().unwrap().listing.unwrap_or_default()
    }

    /// Puts another content in place of the one that it has.
    pub fn set_content(&mut self, content: &[u8]) {
        self.set(124, format!("{:011o}\0", content.len()).as_bytes());
        self.content = content.to_vec();
        tar::pad(&mut self.content, content.len() as u64);
    }
}

/// Changes a line of JSON; a line that is not JSON stays as it is.
pub fn edit(line: &mut String, change: impl FnOnce(&mut Value)) {
    if let Ok(mut value) = serde_json::from_str(line) {
        change(&mut value);
        *line = value.to_string();
    }
}

fn say(line: &mut String, fields: &Value) {
    edit(line, |value| {
        for (key, told) in fields.as_object().unwrap() {
            if told.is_null() {
                value.as_object_mut().unwrap().remove(key);
            } else {
                value[key] = told.clone();
            }
        }
    });
}

fn compressed(raw: &[u8]) -> Vec<u8> {
    compressed_with(raw, &[])
}

/// One frame with its length and, unless these say otherwise, a checksum.
pub fn compressed_with(raw: &[u8], parameters: &[CParameter]) -> Vec<u8> {
    let mut compressor = Compressor::new(3).unwrap();
    compressor.set_parameter(CParameter::ChecksumFlag(true)).unwrap();
    for parameter in parameters {
        compressor.set_parameter(*parameter).unwrap();
    }
    compressor.compress(raw).unwrap()
}
