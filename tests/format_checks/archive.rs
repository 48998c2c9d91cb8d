//! Files of the archive, and which bundles it has.

use super::*;
use snap_archive::base::id::Hash;

const TOML: &str = "archive.toml";

fn replace(book: &mut Book, name: &str, from: &str, to: &str) {
    let text = String::from_utf8(book.files[name].clone()).unwrap();
    assert!(text.contains(from), "{text}");
    book.files.insert(name.to_owned(), text.replace(from, to).into_bytes());
}

/// The words of people, with the hash that belongs to them.
fn marks(book: &mut Book, change: &dyn Fn(&str) -> String) {
    let text = String::from_utf8(book.files["marks.txt"].clone()).unwrap();
    let body = change(text.rsplit_once("end ").unwrap().0);
    let end = format!("end {}\n", Hash::of(body.as_bytes()));
    book.files.insert("marks.txt".to_owned(), (body + &end).into_bytes());
}

fn append_archive(book: &mut Book, text: &str) {
    book.files.get_mut(TOML).unwrap().extend_from_slice(text.as_bytes());
}

pub fn rules(rules: &mut Rules) {
    rules
        .rule(1, Reading)
        .case(Of::Plain, TOML, "", |book| drop(book.files.remove(TOML)))
        .case(Of::Plain, TOML, "", |book| append_archive(book, "no key"))
        .case(Of::Plain, TOML, "", |book| append_archive(book, &" ".repeat(64 << 10)))
        .case(Of::Plain, TOML, "", |book| replace(book, TOML, "id = ", "ID = "))
        .case(Of::Plain, TOML, "", |book| replace(book, TOML, "id = \"", "id = \"0"))
        .case(Of::Plain, TOML, "", |book| replace(book, TOML, "format = 1", "format = \"1\""));
    rules
        .rule(2, Reading)
        .case(Of::Plain, "format 2", "", |book| replace(book, TOML, "format = 1", "format = 2"))
        .case(Of::Plain, TOML, "", |book| replace(book, TOML, "format = 1", "format = 0"))
        .first(TWO, "Foreign(", json!({"format": 2}))
        .first(TWO, "Manifest(", json!({"format": 0}));
    rules
        .rule(3, Reading)
        .case(Of::Pruned, "marks.txt", "Marks(", |book| replace(book, "marks.txt", "000003", "000002"))
        .case(Of::Pruned, "marks.txt", "Marks(", |book| marks(book, &|text| text.replace("marks 1", "marks 2")))
        .case(Of::Pruned, "marks.txt", "Marks(", |book| marks(book, &|text| text.replace("forgotten", "gone")))
        .case(Of::Pruned, "marks.txt", "Marks(", |book| marks(book, &|text| text.to_owned() + "000001 keep\n"))
        .case(Of::Pruned, "marks.txt", "Marks(", |book| marks(book, &|text| text.replace(' ', "  ")))
        .case(Of::Pruned, "marks.txt", "Marks(", |book| drop(book.files.insert("marks.txt".into(), Vec::new())));
    rules.rule(4, Reading).case(Of::Plain, "000004-20300101T000000Z.tar.zst", "Surplus(", |book| {
        let page = book_of(book.pages.len() - 1);
        let name = page.name.replace("20250615T150640Z", "20300101T000000Z");
        book.pages.push(Page { name, ..page });
    });
    let name = |page: usize| names_of(Of::Plain)[page].clone();
    rules
        .rule(5, Reading)
        .case(Of::Plain, &name(ONE), "Missing(Bundle", |book| drop(book.pages.remove(ONE)))
        .case(Of::Plain, &name(TWO), "Missing(Bundle", |book| drop(book.pages.remove(TWO)))
        .case(Of::Plain, &name(THREE_FIRST), "Missing(Bundle", |book| drop(book.pages.remove(THREE_FIRST)));
    rules.rule(6, Reading).case(Of::Plain, &name(last_page()), "Missing(Index", |book| {
        let store = book.store();
        read_all(&store);
        for (name, _) in store.list("index").unwrap() {
            let name = format!("index/{name}");
            let bytes = snap_archive::system::store::read_small(&store, &name, 1 << 20).unwrap();
            book.files.insert(name, bytes);
        }
        book.pages.pop();
    });
    rules
        .rule(7, Reading)
        .first(TWO, "Unusable(", json!({"snapshot": 7}))
        .last(THREE_FIRST, "Unusable(", json!({"part": 7}))
        .last(THREE_FIRST, "Unusable(", json!({"part": 10_000}))
        .case(Of::Plain, "000007-20250615T150640Z.tar.zst", "Unusable(", |book| {
            let last = last_page();
            book.pages[last].name.replace_range(.., "000007-20250615T150640Z.tar.zst");
        });
    rules.rule(8, Reading).first(TWO, "Foreign(", json!({"archive": "0".repeat(32)}));
}

/// A bundle of the plain archive once more.
fn book_of(page: usize) -> Page {
    book(Of::Plain).pages.remove(page)
}
