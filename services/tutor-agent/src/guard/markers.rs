//! Citation markers: `[1]`, `[1, 3]`.

/// Longest inside of a marker.
const LONGEST: usize = 12;

/// Takes the markers out of a finished piece: the text without them, and for each known number
/// the character offset where it stood. Unknown numbers go without a trace. `a[1]` inside of
/// `code` is no marker.
pub fn extract(piece: &str, known: usize) -> (String, Vec<(usize, usize)>) {
    let mut text = String::with_capacity(piece.len());
    let mut cites = Vec::new();
    let mut in_code = false;
    let mut rest = piece;
    while let Some(letter) = rest.chars().next() {
        if !in_code && let Some((numbers, after)) = marker(rest) {
            // "the heap [1]." must not become "the heap ."
            if after.is_empty()
                || after.starts_with(|next: char| next.is_whitespace() || ".,;:!?)[".contains(next))
            {
                text.truncate(text.trim_end_matches(' ').len());
            }
            let at = text.chars().count();
            cites.extend(numbers.into_iter().filter(|n| (1..=known).contains(n)).map(|n| (at, n)));
            rest = after;
            continue;
        }
        in_code ^= letter == '`';
        text.push(letter);
        rest = &rest[letter.len_utf8()..];
    }
    (text, cites)
}

/// The numbers of a marker at the beginning of `text`, and what follows it.
fn marker(text: &str) -> Option<(Vec<usize>, &str)> {
    let inside = text.strip_prefix('[')?;
    let end = inside.find(']').filter(|end| *end <= LONGEST)?;
    let numbers: Option<Vec<usize>> =
        inside[..end].split(',').map(|number| number.trim().parse().ok()).collect();
    Some((numbers?, &inside[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_markers_become_offsets_and_leave_the_text() {
        let (text, cites) = extract("Value has one owner [1]. See [2, 3] too.", 3);
        assert_eq!(text, "Value has one owner. See too.");
        assert_eq!(cites, [(19, 1), (24, 2), (24, 3)]);
    }

    #[test]
    fn unknown_markers_leave_no_trace() {
        assert_eq!(extract("As said [7][0].", 3), ("As said.".to_owned(), vec![]));
    }

    #[test]
    fn code_and_links_are_left_alone() {
        assert_eq!(extract("Use `v[1]` or [the book](x).", 3).0, "Use `v[1]` or [the book](x).");
        assert_eq!(extract("é [1] ü", 1), ("é ü".to_owned(), vec![(1, 1)]));
    }
}
