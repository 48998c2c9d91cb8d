//! What stands in a bundle for its script, and the script.

use super::*;
use crate::support::book::Member;
use crate::support::forge::member;

/// A lie about a member of the first or the second bundle; found there.
fn other(rules: &mut Rules, page: usize, name: &'static str, lie: fn(&mut Member)) {
    rules.page(page, "Tar(", move |page| {
        let number = page.members.iter().position(|member| member.name().ends_with(name.as_bytes())).unwrap();
        lie(&mut page.members[number]);
    });
}

fn gone(rules: &mut Rules, page: usize, name: &'static str) {
    rules.page(page, "Tar(", move |page| page.members.retain(|member| !member.name().ends_with(name.as_bytes())));
}

fn content(member: &Member) -> Vec<u8> {
    let size = snap_archive::format::tar::read_header(&mut member.headers.as_slice()).unwrap().unwrap().size;
    member.content[..size as usize].to_vec()
}

fn change(member: &mut Member, change: fn(&mut Vec<u8>)) {
    let mut bytes = content(member);
    change(&mut bytes);
    member.set_content(&bytes);
}

pub fn rules(rules: &mut Rules) {
    rules.rule(71, VerifyData);
    other(rules, ONE, ".snap-apply.sh", |member| change(member, |text| text.extend_from_slice(b"\necho\n")));
    other(rules, ONE, ".snap-apply.sh", |member| change(member, Vec::clear));
    gone(rules, ONE, ".snap-apply.sh");
    rules.page(ONE, "Tar(", |page| page.members.retain(|member| !member.name().starts_with(b".snap-apply")));
    rules.rule(72, VerifyData);
    other(rules, ONE, ".snap-apply/", |member| member.set_list(b"\0"));
    gone(rules, ONE, ".snap-apply/");
    rules.rule(73, VerifyData);
    other(rules, ONE, "/copies", |member| change(member, |text| text[3] ^= 1));
    other(rules, TWO, "/copies", |member| change(member, Vec::clear));
    gone(rules, ONE, "/copies");
    rules.rule(74, VerifyData);
    other(rules, TWO, "/patches", |member| change(member, |text| text[0] ^= 1));
    gone(rules, TWO, "/patches");
    other(rules, TWO, ".list", |member| change(member, |text| text[0] ^= 1));
    gone(rules, TWO, ".list");
    rules.rule(75, Reading).page(TWO, "Contents", |page| {
        let number = page.members.iter().position(|member| member.name().ends_with(b".patch")).unwrap();
        page.members[number].content[9] ^= 1;
    });
    metadata(rules);
    rules.rule(78, VerifyData);
    for (name, flag) in
        [(".snap-apply/other", b'0'), (".snap-apply/metadata-000002.tar", b'2'), (".snap-apply.sh", b'1')]
    {
        rules.page(ONE, "Tar(", move |page| {
            let mut new = page.members.last().unwrap().clone();
            (new.headers, new.content) = (member(name.as_bytes(), flag, 0, b"home/a", b""), Vec::new());
            page.members.push(new);
        });
    }
    for name in ["/copies", ".snap-apply.sh", "metadata-000001.tar"] {
        other(rules, ONE, name, |member| member.set(100, b"0000777\0"));
        other(rules, ONE, name, |member| member.set(108, b"0000007\0"));
    }
    other(rules, ONE, ".snap-apply/", |member| member.set(100, b"0000777\0"));
}

/// Where in a tar with metadata the header of its first member stands, the top folder: behind the record of its time.
const TOP: usize = 1024;

/// Changes a header in a tar with metadata.
fn in_metadata(rules: &mut Rules, page: usize, finding: &'static str, change: fn(&mut Vec<u8>)) {
    rules.page(page, finding, move |page| {
        let member = page.member(".snap-apply/metadata-000001.tar");
        let mut bytes = content(member);
        change(&mut bytes);
        member.set_content(&bytes);
    });
}

/// Puts a header's checksum right.
fn seal(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
}

/// Another mode in the last member of a tar with metadata, which is that of a file.
fn other_mode(tar: &mut [u8]) {
    let at = tar.len() - 3 * 512;
    tar[at + 100..at + 108].copy_from_slice(b"0004755\0");
    seal(&mut tar[at..at + 512]);
}

fn metadata(rules: &mut Rules) {
    rules.rule(76, VerifyData);
    in_metadata(rules, ONE, "Members(Different)", |tar| other_mode(tar));
    in_metadata(rules, TWO, "Members(Different)", |tar| other_mode(tar));
    in_metadata(rules, TWO, "Members(Different)", |tar| tar.truncate(tar.len() - 3 * 512));
    in_metadata(rules, ONE, "Members(Different)", |tar| {
        tar[TOP + 100..TOP + 108].copy_from_slice(b"0000777\0");
        seal(&mut tar[TOP..TOP + 512]);
    });
    rules.rule(77, VerifyData);
    in_metadata(rules, ONE, "Tar(", |tar| tar[7] ^= 1);
    in_metadata(rules, ONE, "Tar(", |tar| {
        tar[TOP + 156] = b'2';
        tar[TOP + 157] = b'x';
        seal(&mut tar[TOP..TOP + 512]);
    });
    in_metadata(rules, ONE, "Tar(", |tar| {
        tar[TOP..TOP + 5].copy_from_slice(b"../x/");
        seal(&mut tar[TOP..TOP + 512]);
    });
}
