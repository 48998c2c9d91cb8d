//! What harms those who unpack with stock tools, and no restore.

use super::*;
use crate::base::entry::Entry;
use crate::base::id::BundleId;
use crate::base::time::Time;
use crate::verbs::verify::sample::Item;

#[test]
fn a_folder_that_lost_a_name_without_a_list_of_names_is_named() {
    let sample = Sample::new();
    sample.snapshot(1, &[directory("s"), directory("s/d"), file("s/d/x", "x"), file("s/d/y", "y"), file("s/z", "z")]);
    sample.snapshot(2, &[directory("s/d"), gone("s/d/y"), directory_of("s", &["Dd"]), gone("s/z")]);
    let found = only(&sample, WITH_DATA);
    assert_eq!(names(&found), ["s/d"]);
    assert!(found.what.contains("GNU tar deletes"), "{found:?}");
}

#[test]
fn lists_of_renames_that_are_not_whole_or_take_what_is_there_are_named() {
    let lists = crate::format::tar::deletions(b"s/d", [&b"y"[..]].into_iter());
    let wrong = crate::format::tar::deletions(b"s/d", [&b"x"[..], b"y"].into_iter());
    for (lists, is_right) in [(&lists[..], true), (&lists[..3], false), (&lists[1..], false), (&wrong[..], false)] {
        let sample = Sample::new();
        sample.snapshot(1, &[directory("s"), directory("s/d"), file("s/d/x", "x"), file("s/d/y", "y")]);
        let members = lists.iter().enumerate().map(|(number, list)| Item {
            listing: Some(list.clone()),
            in_manifest: number == 0,
            ..directory("s/d")
        });
        sample.snapshot(2, &members.chain([gone("s/d/y"), file("s/d/z", "z")]).collect::<Vec<_>>());
        assert_eq!(findings(&sample, WITH_DATA).is_empty(), is_right, "{lists:?}: {:?}", findings(&sample, WITH_DATA));
    }
}

#[test]
fn an_unfinished_snapshot_may_leave_out_of_a_list_what_it_was_still_to_say_is_gone() {
    for (names_in_list, is_right) in [(&["Ya", "Ym", "Yn"][..], true), (&["Ym", "Yn"], false)] {
        let sample = Sample::new();
        let d = ["a", "b", "m", "z"].map(|name| file(&format!("s/d/{name}"), name));
        sample.snapshot(1, &[vec![directory("s"), directory("s/d")], d.to_vec()].concat());
        // `z` went, too, and `n` is new: the next part says so.
        let listed = Item { in_manifest: false, ..directory_of("s/d", names_in_list) };
        sample.bundle(BundleId::new(2, 1), &[listed, gone("s/d/b")]);
        let found = findings(&sample, WITH_DATA);
        assert_eq!(found.is_empty(), is_right, "{names_in_list:?}: {found:?}");
    }
}

#[test]
fn headers_that_do_not_say_what_the_lines_say_are_named() {
    let lies: [&dyn Fn(&mut Entry); 4] = [
        &|entry| entry.stat.mode = 0o4755,
        &|entry| entry.stat.uid = 7,
        &|entry| entry.stat.mtime = Time::new(5, 0),
        &|entry| entry.xattrs = vec![(b"user.x".to_vec(), b"y".to_vec())],
    ];
    for lie in lies {
        let sample = Sample::new();
        let mut item = file("s/b", "b");
        let mut header = item.entry.clone().unwrap();
        lie(&mut header);
        item.header = Some(header);
        sample.snapshot(1, &[directory("s"), file("s/a", "a"), item]);
        let found = only(&sample, WITH_DATA);
        assert_eq!(names(&found), ["s/b"]);
    }
}

#[test]
fn padding_that_is_not_zeros_and_frames_without_a_checksum_are_named() {
    let sample = Sample { padding: 1, ..Sample::new() };
    sample.snapshot(1, &[directory("s"), file("s/a", "a")]);
    assert!(only(&sample, WITH_DATA).what.contains("not zeros"));
    let sample = Sample { is_unchecked: true, ..Sample::new() };
    sample.snapshot(1, &[directory("s"), file("s/a", "a")]);
    assert!(only(&sample, WITH_DATA).what.contains("without checksum"));
}
