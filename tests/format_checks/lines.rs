//! Lines of changes.

use super::*;

fn hash(content: &[u8]) -> String {
    snap_archive::base::id::Hash::of(content).to_string()
}

pub fn rules(rules: &mut Rules) {
    order(rules);
    fields(rules);
    more_fields(rules);
    places(rules);
    references(rules);
    patches(rules);
}

fn order(rules: &mut Rules) {
    rules.rule(29, Reading);
    for path in ["home/../a", "../a", "home/./a", "/s/a", "", "home//a", "home/a/", "home/a\0b", "."] {
        rules.line(ONE, "home/a", json!({"path": path}));
    }
    rules.line(ONE, "home/a", json!({"path": format!("home/{}", "a/".repeat(33_000) + "a")}));
    rules.line(ONE, "home/a", json!({"path": {"escaped": "home/%F"}}));
    rules.rule(30, Reading);
    rules.page(ONE, "Manifest(", |page| page.lines.swap(3, 4));
    rules.page(ONE, "Manifest(", |page| {
        let line = page.lines[3].clone();
        page.lines.insert(3, line);
    });
    // In the wrong part.
    rules.page(THREE_FIRST + 1, "Contradiction(", |page| {
        let line = json!({"path": "home/d/e/f", "gone": "file"}).to_string();
        let last = page.lines.len() - 1;
        page.lines.insert(last.min(2), line);
    });
}

fn fields(rules: &mut Rules) {
    rules
        .rule(31, Reading)
        .line(ONE, "home/a", json!({"type": "socket"}))
        .line(ONE, "home/a", json!({"type": null}))
        .line(TWO, "home/d/goes", json!({"gone": "thing"}))
        .line(TWO, "home/d/goes", json!({"gone": true}));
    rules
        .rule(32, Reading)
        .line(ONE, "home/a", json!({"mode": "10000"}))
        .line(ONE, "home/a", json!({"mode": "rw"}))
        .line(ONE, "home/a", json!({"mode": 420}))
        .line(ONE, "home/a", json!({"mode": null}));
    rules
        .rule(33, Reading)
        .line(ONE, "home/a", json!({"uid": 1_u64 << 32}))
        .line(ONE, "home/a", json!({"gid": -1}))
        .line(ONE, "home/a", json!({"user": 7}))
        .line(ONE, "home/a", json!({"inode": -1}))
        .line(ONE, "home/a", json!({"link": "1"}))
        .line(ONE, "home/pipe", json!({"device": [1_u64 << 32, 0]}));
    rules.rule(34, Reading);
    for time in ["", "x", "1.0000000001", "99999999999999999999", "1e3", "0x1"] {
        rules.line(ONE, "home/a", json!({"mtime": time})).line(ONE, "home/a", json!({"ctime": time}));
    }
    rules.line(ONE, "home/a", json!({"mtime": null})).line(ONE, "home/a", json!({"ctime": 7}));
    rules.rule(35, Reading).line(ONE, "home/a", json!({"size": null})).line(ONE, "home/a", json!({"size": -1})).line(
        ONE,
        "home/a",
        json!({"size": "9"}),
    );
}

fn more_fields(rules: &mut Rules) {
    rules
        .rule(36, Reading)
        .line(ONE, "home/link", json!({"target": null}))
        .line(ONE, "home/link", json!({"target": ""}))
        .line(ONE, "home/link", json!({"target": "a\0"}))
        .line(ONE, "home/link", json!({"target": "a".repeat((64 << 10) + 1)}));
    rules
        .rule(37, Reading)
        .line(ONE, "home/x", json!({"xattrs": [["user.k", "v".repeat(1 << 20)]]}))
        .line(ONE, "home/x", json!({"xattrs": vec![["a", ""]; (1 << 18) + 1]}))
        .line(ONE, "home/x", json!({"xattrs": [["user.k"]]}));
    rules
        .rule(38, Verify)
        .line(ONE, "home/x", json!({"xattrs": [["user.k", "v"], ["user.a", ""]]}))
        .line(ONE, "home/x", json!({"xattrs": [["user.k", "v"], ["user.k", "w"]]}))
        .line(ONE, "home/x", json!({"xattrs": [["", "v"], ["user.k", "v"]]}))
        .line(ONE, "home/x", json!({"xattrs": [["user.k", "v"], ["user.k\0", "v"]]}));
    rules
        .rule(39, Reading)
        .line(ONE, "home/holes", json!({"holes": [[30_000, 10], [0, 20_000]]}))
        .line(ONE, "home/holes", json!({"holes": [[0, 100], [50, 100]]}))
        .line(ONE, "home/holes", json!({"holes": [[0, 1000], [1000, 1000]]}))
        .line(ONE, "home/holes", json!({"holes": [[0, 0]]}))
        .line(ONE, "home/holes", json!({"holes": [[0, 50_001]]}))
        .line(
            ONE,
            "home/holes",
            json!({"holes": (0..65_537).map(|n| [2 * n, 1]).collect::<Vec<_>>(), "size": 200_000}),
        );
    rules.rule(40, Reading).line(ONE, "home/a", json!({"hash": null})).line(ONE, "home/a", json!({"hash": "00"})).line(
        ONE,
        "home/a",
        json!({"hash": "x".repeat(64)}),
    );
}

fn places(rules: &mut Rules) {
    rules
        .rule(41, Reading)
        .line(ONE, "home/a", json!({"offset": null}))
        .line(ONE, "home/a", json!({"in": "000001"}))
        .line(ONE, "home/a", json!({"pruned": true}))
        .line(TWO, "home/meta", json!({"pruned": true}))
        .line(ONE, "home/a", at(1))
        .line(ONE, "home/a", at(513))
        .line(ONE, "home/a", at(u64::MAX - 511));
    rules.rule(42, Reading).line(ONE, "home/a", at(1 << 30));
    rules
        .rule(43, Reading)
        .page(ONE, "Contents", |page| page.say("home/a", &json!({"hash": hash(b"another")})))
        .page(ONE, "Contents", |page| page.say("home/a", &json!({"size": 8})))
        .page(ONE, "Contents", |page| page.member("home/a").content[0] ^= 1)
        .page(ONE, "Contents", |page| {
            let line = page.line_of("home/a");
            let offset = serde_json::from_str::<Value>(&page.lines[line]).unwrap()["offset"].as_u64().unwrap();
            page.say("home/a", &at(offset + 512));
        });
    rules.rule(44, VerifyData).page(ONE, "Contents", |page| page.member("home/holes").content[7] = 1);
    rules.rule(45, Reading).line(ONE, "home/a", at(0));
    rules.0.last_mut().unwrap().cases[0].finding = "LostContents(1)";
}

fn references(rules: &mut Rules) {
    let told = |rules: &mut Rules, path: &'static str, fields: Value| {
        rules.page(TWO, "Contradiction(", move |page| page.say(path, &fields));
    };
    rules.rule(46, Reading);
    rules.line(TWO, "home/meta", json!({"in": "1"})).line(TWO, "home/meta", json!({"in": "000000"}));
    told(rules, "home/meta", json!({"in": "000001.0001"}));
    told(rules, "home/meta", json!({"hash": hash(b"another")}));
    told(rules, "home/meta", json!({"size": 5001}));
    told(rules, "home/meta", json!({"holes": [[0, 7]]}));
    told(rules, "home/meta", json!({"in": "000002"}));
    rules.rule(47, Reading);
    for copy in ["home/copy", "../x", "", "/s/a"] {
        rules.line(TWO, "home/copy", json!({"copy": copy}));
    }
    rules.page(TWO, "Manifest(", |page| {
        let line = page.line_of("home/big");
        let patch = serde_json::from_str::<Value>(&page.lines[line]).unwrap()["patch"].clone();
        page.say("home/copy", &json!({"patch": patch}));
    });
    rules.rule(48, Reading);
    told(rules, "home/copy", json!({"copy": "home/a"}));
    told(rules, "home/copy", json!({"copy": "home/none"}));
    told(rules, "home/copy", json!({"hash": hash(b"another")}));
}

fn patches(rules: &mut Rules) {
    let other = |rules: &mut Rules, finding: &'static str, key: &'static str, told: Value| {
        rules.page(TWO, finding, move |page| {
            let line = page.line_of("home/big");
            crate::support::book::edit(&mut page.lines[line], |line| line["patch"][key] = told.clone());
        });
    };
    rules.rule(49, Reading);
    for key in ["base", "base_size", "whole", "pieces"] {
        other(rules, "Manifest(", key, Value::Null);
    }
    for pieces in [
        json!([]),
        json!([[1, 0, 0, 0]]),
        json!([[0, 0, 0, 0], [12_008, 0, 0, 0]]),
        json!([[12_008, 0, 0, 0]]),
        json!([[12_008, 0, 12_001, 7]]),
        json!([[12_008, 0, 12_000, 0]]),
        json!([[12_008, 0, 12_000, (9 << 20) + 1]]),
        json!([[12_008, 12_001, 0, 7]]),
    ] {
        other(rules, "Manifest(", "pieces", pieces);
    }
    other(rules, "Manifest(", "base", json!("0"));
    rules.rule(50, Reading);
    other(rules, "Contradiction(", "base", json!(hash(b"another")));
    other(rules, "Contradiction(", "base_size", json!(12_007));
    rules.rule(51, Reading).case(Of::Plain, "000011-20250615T150640Z.tar.zst", "Contradiction(", |book| {
        for number in 5_u32..14 {
            let last = &book.pages[book.pages.len() - 1];
            let mut page = super::book(Of::Plain).pages.remove(last_page());
            page.name = format!("{number:06}-20250615T150640Z.tar.zst");
            page.say_first(&json!({"snapshot": number, "parent": {"bundle": last.name}}));
            let line = page.line_of("home/big");
            crate::support::book::edit(&mut page.lines[line], |line| {
                let (hash, size) = (line["hash"].clone(), line["size"].clone());
                line["patch"] = json!({"base": hash, "base_size": size, "whole": 1, "pieces": [[size, 0, 0, 0]]});
            });
            page.lines = vec![page.lines[0].clone(), page.lines[line].clone(), page.lines.pop().unwrap()];
            book.pages.push(page);
        }
    });
}
