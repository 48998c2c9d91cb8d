//! Rust as a row of tokens, without comments.

use proc_macro2::Delimiter;
use proc_macro2::Spacing;
use proc_macro2::TokenStream;
use proc_macro2::TokenTree;

/// A word, a mark, a literal or one of a pair of brackets.
#[derive(Clone)]
pub(super) struct Token {
    pub text: String,
    pub line: usize,
}

/// The names of functions that a file offers to others.
pub(super) fn public_functions(tokens: &[Token]) -> Vec<String> {
    tokens.windows(3).filter(|three| reads(three, "pub fn")).map(|three| three[2].text.clone()).collect()
}

pub(super) fn lines_without_tests(text: &str) -> usize {
    let tokens = tokens(text);
    let lines = |(from, to): &(usize, usize)| tokens[*to - 1].line + 1 - tokens[*from].line;
    text.lines().count() - test_items(&tokens).iter().map(lines).sum::<usize>()
}

pub(super) fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let items = test_items(&tokens);
    let outside = |at: &usize| !items.iter().any(|(from, to)| (from..to).contains(&at));
    tokens.into_iter().enumerate().filter(|(at, _)| outside(at)).map(|(_, token)| token).collect()
}

/// From where to where the items under `#[cfg(test)]` reach.
fn test_items(tokens: &[Token]) -> Vec<(usize, usize)> {
    let mut items: Vec<(usize, usize)> = Vec::new();
    for from in (0..tokens.len()).filter(|at| reads(&tokens[*at..], "# [ cfg ( test ) ]")) {
        if items.last().is_none_or(|(_, end)| from >= *end) {
            items.push((from, end_of_item(tokens, from)));
        }
    }
    items
}

fn end_of_item(tokens: &[Token], from: usize) -> usize {
    let mut open = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "{" | "(" | "[" => open += 1,
            "}" | ")" | "]" => open -= 1,
            _ => {}
        }
        if open == 0 && ["}", ";"].contains(&token.text.as_str()) {
            return at + 1;
        }
    }
    tokens.len()
}

pub(super) fn without_imports(tokens: &[Token]) -> Vec<Token> {
    let mut inside = false;
    let mut kept = Vec::new();
    for token in tokens {
        inside = (inside || token.text == "use") && token.text != ";";
        if !inside {
            kept.push(token.clone());
        }
    }
    kept
}

/// Every path of names with `::` between them, also one name alone.
pub(super) fn paths(tokens: &[Token]) -> Vec<Vec<Token>> {
    let mut found: Vec<Vec<Token>> = Vec::new();
    let mut goes_on = false;
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.text != "::") {
        if goes_on && let Some(path) = found.last_mut() {
            path.push(token.clone());
        } else if is_name(&token.text) && !(at > 0 && tokens[at - 1].text == "::") {
            found.push(vec![token.clone()]);
        } else {
            continue;
        }
        goes_on = is_name(&token.text) && tokens.get(at + 1).is_some_and(|next| next.text == "::");
    }
    found
}

pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_') && !text.ends_with(['"', '\''])
}

/// Whether the tokens begin with these, which stand with blanks between them.
pub(super) fn reads(tokens: &[Token], run: &str) -> bool {
    let mut at = tokens.iter();
    run.split(' ').all(|word| at.next().is_some_and(|token| token.text == word))
}

pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    flatten(text.parse().unwrap(), &mut found);
    found
}

fn flatten(stream: TokenStream, found: &mut Vec<Token>) {
    let mut is_joint = false;
    for tree in stream {
        let line = tree.span().start().line;
        let joins = std::mem::take(&mut is_joint);
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                found.push(Token { text: open.to_owned(), line });
                flatten(group.stream(), found);
                found.push(Token { text: close.to_owned(), line: group.span_close().end().line });
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' && joins => found.last_mut().unwrap().text.push(':'),
            tree => {
                is_joint = matches!(&tree, TokenTree::Punct(mark) if mark.as_char() == ':' && mark.spacing() == Spacing::Joint);
                found.push(Token { text: tree.to_string(), line });
            }
        }
    }
}
