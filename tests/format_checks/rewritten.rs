//! Bundles that were written anew: repaired, pruned and joined.

use super::*;

/// The bundles of the pruned archive, in order: of snapshot 1 alone, and of 3 and 4 joined.
const HOLLOW: usize = 0;
const JOINED: usize = 2;

fn page(rules: &mut Rules, page: usize, finding: &'static str, lie: impl Fn(&mut Page) + 'static) {
    let name = names_of(Of::Pruned)[page].clone();
    rules.case(Of::Pruned, &name, finding, move |book| lie(&mut book.pages[page]));
}

pub fn rules(rules: &mut Rules) {
    rules.rule(79, VerifyData);
    page(rules, HOLLOW, "Members(Different)", |page| page.member("home/a").set_content(b"something"));
    rules.rule(80, Reading);
    let name = names_of(Of::Pruned)[HOLLOW].clone();
    rules.case(Of::Pruned, &name, "Exchanged(", |book| {
        let parent = json!({"bundle": book.pages[HOLLOW].name, "manifest": "1".repeat(64)});
        book.pages[HOLLOW + 1].say_first(&json!({"parent": parent}));
    });
    rules.case(Of::Pruned, &name, "Exchanged(", |book| {
        let stands_for = serde_json::from_str::<Value>(&book.pages[HOLLOW].lines[0]).unwrap()["stands_for"].clone();
        let parent = json!({"bundle": book.pages[HOLLOW].name, "manifest": stands_for});
        book.pages[HOLLOW + 1].say_first(&json!({"parent": parent}));
        book.pages[HOLLOW].say_first(&json!({"stands_for": "1".repeat(64)}));
    });
    rules.rule(81, Reading);
    page(rules, JOINED, "Manifest(", |page| page.say_first(&json!({"stands_for": "1"})));
    page(rules, JOINED, "Manifest(", |page| page.say_first(&json!({"pruned_until": -1})));
    page(rules, JOINED, "Manifest(", |page| page.say_first(&json!({"joined_from": "x"})));
    rules.rule(82, Reading);
    page(rules, JOINED + 1, "LostChanges", |page| page.say_first(&json!({"uncertain_until": 6})));
    rules.rule(83, Reading).page(TWO, "Members(Astray)", |page| {
        let (line, last) = (json!({"path": "home/z", "gone": "dir"}).to_string(), page.lines.len() - 1);
        let place = page.lines[..last].iter().position(|line| line.contains("\"home/d/")).unwrap();
        page.lines.insert(place, line);
    });
}
