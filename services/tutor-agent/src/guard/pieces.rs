//! Cuts a stream into sentences and lines, the same ones however the stream was chunked.

/// Characters that are held back at most while no sentence ends.
const LONGEST: usize = 800;

/// Enough text to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    /// A line of a fenced block, its fences included.
    pub code: bool,
}

/// The part of a stream that is held back.
#[derive(Debug)]
pub struct Pieces {
    held: String,
    fence: Option<(char, usize)>,
    line_start: bool,
}

impl Default for Pieces {
    fn default() -> Self {
        Self { held: String::new(), fence: None, line_start: true }
    }
}

impl Pieces {
    /// What may be judged now.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        self.held.push_str(text);
        let mut pieces = Vec::new();
        while let Some(end) = self.end_of_piece() {
            let rest = self.held.split_off(end);
            let text = std::mem::replace(&mut self.held, rest);
            pieces.push(self.piece(text));
        }
        pieces
    }

    /// The rest, at the stream's end.
    pub fn finish(&mut self) -> Option<Piece> {
        let text = std::mem::take(&mut self.held);
        (!text.is_empty()).then(|| self.piece(text))
    }

    fn piece(&mut self, text: String) -> Piece {
        let fence = if self.line_start { fence_of(&text) } else { None };
        self.line_start = text.ends_with('\n');
        let code = match (self.fence, fence) {
            (None, None) => false,
            (None, opening) => {
                self.fence = opening;
                true
            }
            (Some((mark, length)), Some((closing, closing_length)))
                if mark == closing && closing_length >= length =>
            {
                // A fence with an info string does not close.
                if text.trim().chars().all(|letter| letter == mark) {
                    self.fence = None;
                }
                true
            }
            (Some(_), _) => true,
        };
        Piece { text, code }
    }

    fn end_of_piece(&self) -> Option<usize> {
        let (head, capped) = match self.held.char_indices().nth(LONGEST) {
            Some((end, _)) => (&self.held[..end], true),
            None => (self.held.as_str(), false),
        };
        let line = head.find('\n').map(|at| at + 1);
        let may_be_fence = self.line_start && head.trim_start_matches(' ').starts_with(['`', '~']);
        let natural = if self.fence.is_some() || may_be_fence {
            line
        } else {
            sentence_end(&head[..line.unwrap_or(head.len())]).or(line)
        };
        natural.or_else(|| {
            let at_word = head.rfind(char::is_whitespace).map(|at| {
                let width = head[at..].chars().next().map_or(0, char::len_utf8);
                at + width
            });
            capped.then(|| at_word.unwrap_or(head.len()))
        })
    }
}

/// After the white space that follows the first end of a sentence. Inside of `code` none ends.
fn sentence_end(line: &str) -> Option<usize> {
    let mut in_code = false;
    let mut ended = false;
    for (at, letter) in line.char_indices() {
        match letter {
            '`' => {
                in_code = !in_code;
                ended = false;
            }
            '。' | '！' | '？' if !in_code => return Some(at + letter.len_utf8()),
            '.' | '!' | '?' | '…' if !in_code => ended = true,
            ')' | ']' | '"' | '\'' | '”' | '’' | '»' | '*' | '_' => {}
            space if space.is_whitespace() && ended => return Some(at + space.len_utf8()),
            _ => ended = false,
        }
    }
    None
}

/// The mark and length of a fence (CommonMark, section 4.5).
fn fence_of(line: &str) -> Option<(char, usize)> {
    let trimmed = line.trim_start_matches(' ');
    let mark = trimmed.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let length = trimmed.chars().take_while(|letter| *letter == mark).count();
    let indent = line.len() - trimmed.len();
    (length >= 3 && indent <= 3).then_some((mark, length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(chunks: &[&str]) -> Vec<Piece> {
        let mut pieces = Pieces::default();
        let mut out: Vec<Piece> = chunks.iter().flat_map(|chunk| pieces.push(chunk)).collect();
        out.extend(pieces.finish());
        out
    }

    fn texts(chunks: &[&str]) -> Vec<String> {
        cut(chunks).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn sentences_leave_one_by_one_and_not_inside_of_code() {
        assert_eq!(
            texts(&["Look at `a. b`. What (do you think?) is", " 3.5 here? Yes"]),
            ["Look at `a. b`. ", "What (do you think?) ", "is 3.5 here? ", "Yes"]
        );
    }

    #[test]
    fn fenced_code_leaves_line_by_line() {
        let pieces = cut(&["Try:\n``", "`rust\nlet x = 1. \nlet y;\n```\nDone. Ok"]);
        let code: Vec<bool> = pieces.iter().map(|piece| piece.code).collect();
        assert_eq!(code, [false, true, true, true, true, false, false]);
        assert_eq!(pieces[2].text, "let x = 1. \n");
    }

    #[test]
    fn a_sentence_without_end_leaves_at_a_word() {
        let pieces = texts(&["word ".repeat(300).as_str()]);
        assert!(pieces.len() > 1 && pieces[0].chars().count() <= LONGEST && pieces[0].ends_with(' '));
    }

    proptest! {
        #[test]
        fn chunking_changes_no_piece(text in "[a-c .?!\n`~]{0,120}|(word |[.] ){0,400}", cuts in prop::collection::vec(0_usize..2000, 0..12)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at % (text.len() + 1)).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let mut chunks = Vec::new();
            let mut from = 0;
            for to in cuts {
                chunks.push(&text[from..to]);
                from = to;
            }
            let chunked = cut(&chunks);
            prop_assert_eq!(&chunked, &cut(&[&text]));
            let whole: String = chunked.iter().map(|piece| piece.text.as_str()).collect();
            prop_assert_eq!(whole, text);
        }
    }
}
