//! Lines broken at words, for a terminal. Prints nothing.

use super::text::width;

/// `text` in lines of at most `columns`, broken at blanks; a line that begins with blanks goes on below them. As it is when
/// there is no width, as in a pipe.
pub(crate) fn wrapped(text: &str, columns: Option<usize>) -> String {
    match columns {
        Some(columns) => text.split('\n').map(|line| wrapped_line(line, columns)).collect::<Vec<_>>().join("\n"),
        None => text.to_owned(),
    }
}

fn wrapped_line(line: &str, columns: usize) -> String {
    let words = line.trim_start_matches(' ');
    let indent = line.len() - words.len();
    let mut shown = " ".repeat(indent);
    let mut at = indent;
    for (number, word) in words.split(' ').enumerate() {
        let width = width(word);
        if number > 0 && at > indent && at + 1 + width > columns {
            shown.push('\n');
            shown.push_str(&" ".repeat(indent));
            at = indent;
        } else if number > 0 {
            shown.push(' ');
            at += 1;
        }
        shown.push_str(word);
        at += width;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_words_and_never_in_a_pipe() {
        assert_eq!(wrapped("one two three", Some(8)), "one two\nthree");
        assert_eq!(wrapped("  one two three", Some(8)), "  one\n  two\n  three");
        assert_eq!(wrapped("a/path/that/is/too/long is here", Some(8)), "a/path/that/is/too/long\nis here");
        assert_eq!(wrapped("one two three", None), "one two three");
    }

    #[test]
    fn colours_take_no_room() {
        assert_eq!(wrapped("\u{1b}[1;31mone\u{1b}[0m two", Some(7)), "\u{1b}[1;31mone\u{1b}[0m two");
    }
}
