//! How long functions are, and how many parameters they have.

use super::tokens::Token;

/// A function as it stands in a file.
pub(super) struct Function {
    pub name: String,
    /// From the word `fn` to the end of its body.
    pub lines: usize,
    /// Without `self`.
    pub parameters: usize,
}

/// All functions that have a body.
pub(super) fn functions(tokens: &[Token]) -> Vec<Function> {
    let starts = tokens.windows(2).enumerate().filter(|(_, two)| two[0].text == "fn" && two[1].text != "(");
    starts.filter_map(|(at, _)| function(&tokens[at..])).collect()
}

fn function(tokens: &[Token]) -> Option<Function> {
    let text = |at: usize| tokens.get(at).map(|token| token.text.as_str());
    let mut at = 2;
    if text(at) == Some("<") {
        at = behind_generics(tokens, at);
    }
    let end = end_of_group(tokens, at)?;
    let parameters = parameters(&tokens[at + 1..end]);
    let body = (end..tokens.len()).find(|at| matches!(text(*at), Some("{" | ";")))?;
    let last = end_of_group(tokens, body)?;
    let lines = tokens[last].line + 1 - tokens[0].line;
    Some(Function { name: tokens[1].text.clone(), lines, parameters })
}

/// Where the tokens go on behind the generic parameters that begin at `from`.
fn behind_generics(tokens: &[Token], from: usize) -> usize {
    let mut open = 0_usize;
    for at in from..tokens.len() {
        open = open + usize::from(tokens[at].text == "<") - usize::from(closes_generics(tokens, at));
        if open == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// A `>` that belongs to no arrow.
fn closes_generics(tokens: &[Token], at: usize) -> bool {
    tokens[at].text == ">" && !["-", "="].contains(&tokens[at - 1].text.as_str())
}

/// The place of the bracket that closes the one at `from`; `None` when there is none.
fn end_of_group(tokens: &[Token], from: usize) -> Option<usize> {
    let mut open = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "{" | "(" | "[" => open += 1,
            "}" | ")" | "]" => open -= 1,
            _ if open == 0 => return None,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

fn parameters(tokens: &[Token]) -> usize {
    let (mut open, mut count, mut is_begun) = (0_usize, 0, false);
    let is_receiver = tokens
        .iter()
        .take(6)
        .take_while(|token| ![",", ":"].contains(&token.text.as_str()))
        .any(|token| token.text == "self");
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" | "(" | "[" | "<" => open += 1,
            "}" | ")" | "]" => open -= 1,
            ">" if closes_generics(tokens, at) => open -= 1,
            "," if open == 0 => (count, is_begun) = (count + 1, false),
            _ => {}
        }
        is_begun |= token.text != ",";
    }
    count + usize::from(is_begun) - usize::from(is_receiver)
}
