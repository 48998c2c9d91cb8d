//! Members of the tar, against the lines: what harms those who unpack without the manifest.

use super::*;
use crate::support::forge::member;
use crate::support::forge::pax;

const DIFFERENT: &str = "Members(Different)";
const UNLISTED: &str = "Members(Unlisted)";
const MISSING: &str = "Members(Missing)";
const UNKNOWN: &str = "Members(Unknown)";

pub fn rules(rules: &mut Rules) {
    headers(rules);
    which(rules);
    said(rules);
    ends(rules);
    lists(rules);
    long_lists(rules);
    renames(rules);
}

fn headers(rules: &mut Rules) {
    rules.rule(52, VerifyData).page(ONE, "Tar(", |page| page.member("home/a").headers[0] ^= 1);
    rules.page(ONE, "Tar(", |page| page.member("home/a").headers[150] ^= 1);
    rules.rule(53, VerifyData);
    for records in ["9 a=b\n", "6 a=bc", "x a=b\n", "5 ab\n", "99 a=b\n", "10 size=8\n", "9 uid=x\n", "11 mtime=x\n"] {
        rules.page(ONE, "Tar(", |page| page.member("home/a").set_records(records.as_bytes()));
    }
    rules.rule(54, VerifyData);
    for name in ["../a", "/s/a", "home/../a", "home//a"] {
        rules.page(ONE, "Tar(", move |page| {
            let bytes = [name.as_bytes(), &[0; 8]].concat();
            page.member("home/a").set(0, &bytes);
        });
    }
    rules.page(ONE, "Tar(", |page| page.member("home/a").set_records(&pax("path", b"home/a\0b")));
}

/// A member that no writer wrote, behind the first.
fn stray(page: &mut Page, bytes: Vec<u8>) {
    let mut new = page.members[1].clone();
    (new.headers, new.content) = (bytes, Vec::new());
    page.members.insert(1, new);
}

fn which(rules: &mut Rules) {
    rules.rule(55, VerifyData);
    for name in ["home/link", "home/pipe", "home/second", "home/z/empty", "home/d/e/"] {
        rules.page(ONE, MISSING, move |page| {
            let number = page.member_of(name);
            page.members.remove(number);
        });
    }
    rules.page(TWO, MISSING, |page| {
        let number = page.member_of("home/copy");
        page.members.remove(number);
    });
    rules.rule(56, VerifyData);
    for (name, flag) in [("home/0", b'0'), ("home/0", b'2'), ("home/0/", b'5'), ("other", b'0')] {
        rules.page(ONE, UNKNOWN, move |page| stray(page, member(name.as_bytes(), flag, 0, b"x", b"")));
    }
    rules.page(TWO, UNKNOWN, |page| {
        let copy = page.members[page.member_of("home/copy")].clone();
        page.members.push(copy);
    });
    rules.rule(57, VerifyData).page(ONE, MISSING, |page| {
        let (link, pipe) = (page.member_of("home/link"), page.member_of("home/pipe"));
        page.members.swap(link, pipe);
    });
    rules.page(ONE, MISSING, |page| {
        let number = page.member_of("home/d/e/");
        let moved = page.members.remove(number);
        page.members.insert(1, moved);
    });
}

fn said(rules: &mut Rules) {
    rules.rule(58, VerifyData);
    rules.header(ONE, "home/link", 156, b"6").header(ONE, "home/pipe", 156, b"0").header(ONE, "home/link", 157, b"b");
    rules.header(ONE, "home/z/empty", 156, b"6");
    rules.rule(59, VerifyData);
    for (at, bytes) in [
        (100, &b"0004755\0"[..]),
        (108, b"0000007\0"),
        (116, b"0000007\0"),
        (136, b"00000000001\0"),
        (265, b"somebody\0"),
        (297, b"somebody\0"),
    ] {
        for name in ["home/a", "home/link", "home/d/", "home/second", "home/pipe"] {
            rules.header(ONE, name, at, bytes);
        }
        rules.header(TWO, "home/copy", at, bytes);
    }
    rules.rule(60, VerifyData);
    for records in [pax("SCHILY.xattr.user.k", b"w"), pax("comment", b"none")] {
        rules.page(ONE, DIFFERENT, move |page| page.member("home/x").set_records(&records));
    }
    rules.page(ONE, DIFFERENT, |page| page.member("home/a").set_records(&pax("SCHILY.xattr.user.k", b"v")));
    rules.rule(61, VerifyData).header(ONE, "home/second", 157, b"home/a\0");
    rules.page(ONE, DIFFERENT, |page| page.member("home/second").set_records(&pax("comment", b"copy")));
    rules.rule(62, VerifyData).header(ONE, "home/twins/2", 157, b"home/twins/1x").header(
        TWO,
        "home/copy",
        157,
        b"home/a\0",
    );
    rules.page(ONE, DIFFERENT, |page| page.member("home/twins/2").set_records(&pax("comment", b"none")));
    rules.rule(63, VerifyData).page(ONE, DIFFERENT, |page| page.member("home/a").set_content(b"a content."));
}

fn ends(rules: &mut Rules) {
    rules.rule(64, VerifyData).page(ONE, "Tar(", |page| *page.member("home/a").content.last_mut().unwrap() = 1);
    rules.page(ONE, "Tar(", |page| page.member(".snap-apply/copies").content[511] = 1);
    rules.rule(65, VerifyData);
    for end in [0, 512, 1536, 10_240] {
        rules.page(ONE, "Tar(", move |page| page.end = Some(vec![0; end]));
    }
    rules.page(ONE, "Tar(", |page| page.manifest_headers = member(b".snap-manifest.jsonl", b'0', 100, b"", b""));
    rules.page(ONE, "Tar(", |page| page.manifest_headers = member(b"other", b'0', 100, b"", b""));
}

/// Another list of names in a member of the second bundle.
fn list(rules: &mut Rules, name: &'static str, list: &'static [u8]) {
    rules.page(TWO, UNLISTED, move |page| page.member(name).set_list(list));
}

fn lists(rules: &mut Rules) {
    rules.rule(66, VerifyData);
    list(rules, "home/d/", b"De\0\0");
    list(rules, "home/d/", b"Ystays\0\0");
    list(rules, "home/turns/", b"\0");
    for bad in [&b""[..], b"De\0Ystays\0", b"Ystays\0De\0\0", b"De\0De\0Ystays\0\0", b"De\0Xstays\0\0"] {
        list(rules, "home/d/", bad);
    }
    rules.rule(67, VerifyData);
    list(rules, "home/d/", b"Ye\0Ystays\0\0");
    list(rules, "home/d/", b"De\0Dstays\0\0");
    rules.rule(68, VerifyData);
    list(rules, "home/d/", b"De\0Ngoes\0Ystays\0\0");
    rules.page(TWO, UNLISTED, |page| page.member("home/d/").set_records(&pax("comment", b"none")));
}

/// A lie about the members by which names go from the folder of many names.
fn long_list(rules: &mut Rules, lie: fn(&mut Vec<crate::support::book::Member>, usize)) {
    let name = names_of(Of::Names)[1].clone();
    rules.case(Of::Names, &name, UNLISTED, move |book| {
        let page = &mut book.pages[1];
        let first = page.member_of("home/many/");
        lie(&mut page.members, first);
    });
}

fn long_lists(rules: &mut Rules) {
    rules.rule(69, VerifyData);
    for member in 0..4 {
        // One of the four is not there.
        let lies: [fn(&mut Vec<crate::support::book::Member>, usize); 4] = [
            |members, first| drop(members.remove(first)),
            |members, first| drop(members.remove(first + 1)),
            |members, first| drop(members.remove(first + 2)),
            |members, first| drop(members.remove(first + 3)),
        ];
        long_list(rules, lies[member]);
    }
    long_list(rules, |members, first| {
        let list = String::from_utf8(members[first + 1].list()).unwrap();
        members[first + 1].set_list(list.replace("/0007", "/0008").as_bytes());
    });
    long_list(rules, |members, first| members.swap(first + 1, first + 2));
}

fn renames(rules: &mut Rules) {
    rules.rule(70, VerifyData);
    for number in [0, 1] {
        rules.page(TWO, UNLISTED, move |page| drop(page.members.remove(number)));
    }
    rules.page(TWO, UNLISTED, |page| page.members.swap(0, 1));
    let replace = |rules: &mut Rules, number: usize, from: &'static str, to: &'static str| {
        rules.page(TWO, UNLISTED, move |page| {
            let list = String::from_utf8(page.members[number].list()).unwrap();
            assert!(list.contains(from), "{list:?}");
            page.members[number].set_list(list.replacen(from, to, 1).as_bytes());
        });
    };
    replace(rules, 0, "Rhome/moves", "Rhome/other");
    replace(rules, 0, "Thome/moved", "Thome/other");
    replace(rules, 0, "\0Na\0", "\0");
    replace(rules, 0, "\0Na\0", "\0Da\0");
    replace(rules, 0, "\0Na\0", "\0Na\0Naa\0");
    replace(rules, 1, "\0Nbig\0", "\0");
}
