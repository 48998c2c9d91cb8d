//! First and last lines of manifests, the chain of bundles, and renames.

use super::*;
use crate::support::book::edit;

fn lines(rules: &mut Rules, page: usize, finding: &'static str, change: impl Fn(&mut Vec<String>) + 'static) {
    rules.page(page, finding, move |page| change(&mut page.lines));
}

fn source(name: &str) -> Value {
    json!({"name": name, "path": "/no/such/place", "scanned": true})
}

/// Renames in place of those of the second bundle.
fn renames(rules: &mut Rules, finding: &'static str, list: &'static [(&str, &str)]) {
    lines(rules, TWO, finding, |lines| {
        lines.retain(|line| !line.contains("\"moved\""));
        let renames = list.iter().map(|(from, to)| json!({"moved": from, "to": to}).to_string());
        drop(lines.splice(1..1, renames));
    });
}

pub fn rules(rules: &mut Rules) {
    heads(rules);
    chain(rules);
    tails(rules);
    moves(rules);
}

fn heads(rules: &mut Rules) {
    rules.rule(16, Reading).last(ONE, "Manifest(", json!({"manifest_offset": 512}));
    rules.last(ONE, "Manifest(", json!({"manifest_offset": 0}));
    rules.rule(17, Reading);
    for line in
        ["{", "[]", "", "{\"path\": \"home/b\", \"path\": \"home/b\", \"gone\": \"file\"}", "{\"gone\": \"file\"}"]
    {
        lines(rules, ONE, "Manifest(", move |lines| lines.insert(3, line.to_owned()));
    }
    lines(rules, ONE, "Manifest(", |lines| edit(&mut lines[3], |line| line["more"] = json!(" ".repeat(16 << 20))));
    rules.rule(18, Reading);
    for field in ["archive", "snapshot", "time", "sources", "tool"] {
        rules.first(TWO, "Manifest(", json!({field: null}));
    }
    rules.first(TWO, "Manifest(", json!({"time": "2025-06-15"}));
    rules.first(TWO, "Manifest(", json!({"note": "n".repeat(1 << 20)}));
    rules.rule(19, Reading);
    for name in ["", ".", "..", "a/b", "a\0", ".snap-x"] {
        rules.first(TWO, "Manifest(", json!({"sources": [source("home"), source(name)]}));
    }
    rules.first(TWO, "Manifest(", json!({"sources": [source("home"), source("home")]}));
    rules.rule(20, Verify).first(TWO, "Manifest(", json!({"sources": [source("other")]}));
    rules.page(ONE, "Manifest(", |page| {
        let line = page.lines[1].replace("\"home\"", "\"other\"");
        page.lines.insert(2, line);
    });
}

fn chain(rules: &mut Rules) {
    let name = |page: usize| names_of(Of::Plain)[page].clone();
    rules
        .rule(21, Reading)
        .first(TWO, "Chain(", json!({"parent": null}))
        .first(THREE_FIRST, "Chain(", json!({"parent": {"bundle": name(ONE), "manifest": "0".repeat(64)}}))
        .first(TWO, "Manifest(", json!({"parent": {"bundle": "x", "manifest": "0".repeat(64)}}))
        .first(TWO, "Manifest(", json!({"parent": {"bundle": name(ONE), "manifest": "0"}}));
    rules.rule(22, Reading).case(Of::Plain, &name(ONE), "Exchanged(", move |book| {
        let parent = json!({"bundle": book.pages[ONE].name, "manifest": "0".repeat(64)});
        book.pages[TWO].say_first(&json!({"parent": parent}));
    });
    rules
        .rule(23, Verify)
        .first(THREE_FIRST + 1, "Contradiction(", json!({"time": "2025-06-15T15:06:41Z"}))
        .first(THREE_FIRST + 1, "Contradiction(", json!({"note": "another"}))
        .first(THREE_FIRST + 1, "Contradiction(", json!({"sources": [source("home")]}));
}

fn tails(rules: &mut Rules) {
    rules.rule(24, Reading);
    rules.last(TWO, "Manifest(", json!({"complete": false}));
    for field in ["complete", "counts", "problems_total"] {
        rules.last(TWO, "Manifest(", json!({field: null}));
    }
    lines(rules, TWO, "Manifest(", |lines| drop(lines.pop()));
    rules.rule(25, Reading);
    rules.last(TWO, "Manifest(", json!({"changes": 1})).last(TWO, "Manifest(", json!({"changes": 9999}));
}

fn moves(rules: &mut Rules) {
    rules.rule(26, Reading);
    lines(rules, TWO, "Manifest(", |lines| {
        let last = lines.len() - 2;
        lines.swap(1, last);
    });
    lines(rules, TWO, "Manifest(", |lines| edit(&mut lines[1], |line| line["moved_before"] = json!("home/a")));
    lines(rules, TWO, "Manifest(", |lines| edit(&mut lines[1], |line| line["to"] = json!("home/../x")));
    lines(rules, TWO, "Manifest(", |lines| edit(&mut lines[1], |line| line["moved"] = json!("/s/x")));
    lines(rules, TWO, "Manifest(", |lines| {
        let line = lines[1].replace("\"moved\"", "\"moved_before\"");
        lines.insert(1, line);
    });
    rules.rule(27, Reading);
    lines(rules, THREE_FIRST + 1, "Contradiction(", |lines| drop(lines.remove(1)));
    lines(rules, THREE_FIRST + 1, "Contradiction(", |lines| {
        edit(&mut lines[1], |line| line["to"] = json!("home/other"));
    });
    lines(rules, THREE_FIRST + 1, "Contradiction(", |lines| {
        let line = lines[1].replace("\"moved_before\"", "\"moved\"");
        lines[1] = line;
    });
    rules.rule(28, Reading);
    for list in [
        &[("home/a", "home/a")][..],
        &[("home/d", "home/d/e/x")],
        &[("home/d/e", "home/d")],
        &[("home", "home/x")],
        &[("home/a", "home")],
        &[("home/a", "other/a")],
        &[("home/none", "home/b")],
        &[("home/a", "home/big")],
        &[("home/a", "home/x/a")],
        &[("home/a", "home/d/e"), ("home/d", "home/x")],
        &[("home/a", "home/b"), ("home/a", "home/c")],
        &[("home/a", "home/d/a"), ("home/d", "home/b")],
        &[("home/d", "home/.snap-move-1"), ("home/.snap-move-1/e", "home/b")],
        &[("home", "home")],
        &[("home", "new"), ("new/a", "new/b")],
    ] {
        renames(rules, "Contradiction(", list);
    }
}
