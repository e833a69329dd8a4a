/// Characters of a thread's title at most.
const LONGEST: usize = 60;

/// A title from the first question: its first line, at most 60 characters, cut at a word's end.
/// Never empty for a question that is not blank.
pub fn title_of(question: &str) -> String {
    let first_line = question.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let words: Vec<&str> = first_line.split_whitespace().collect();
    let line = words.join(" ");
    let line: String = line.chars().filter(|letter| !letter.is_control()).collect();
    let line = line.trim_start_matches(['#', '>', '*', '-', ' ']);
    let line = if line.is_empty() { first_line } else { line };
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    // One character is left for the ellipsis.
    let cut: String = line.chars().take(LONGEST - 1).collect();
    let continues = line.chars().nth(LONGEST - 1).is_some_and(|next| !next.is_whitespace());
    let at_word = match cut.rfind(char::is_whitespace) {
        // A first word longer than half a title (a URL, or a script without spaces) is cut anyway.
        Some(space) if continues && cut[..space].chars().count() >= LONGEST / 2 => &cut[..space],
        _ => cut.as_str(),
    };
    format!("{}…", at_word.trim_end_matches([' ', ',', ';', ':', '.', '-']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_question_is_its_own_title() {
        assert_eq!(title_of("  What is\townership?\nI read the page."), "What is ownership?");
        assert_eq!(title_of("## Why two?"), "Why two?");
    }

    #[test]
    fn a_long_question_is_cut_at_a_word() {
        let title = title_of("Could you explain to me why the borrow checker refuses this little program?");
        assert_eq!(title, "Could you explain to me why the borrow checker refuses this…");
        assert!(title.chars().count() <= LONGEST);
    }

    #[test]
    fn a_text_without_spaces_is_cut_at_the_limit() {
        assert_eq!(title_of(&"字".repeat(100)).chars().count(), LONGEST);
    }

    proptest! {
        #[test]
        fn a_title_is_never_empty_nor_too_long(question in "\\PC{1,200}") {
            prop_assume!(!question.trim().is_empty());
            let title = title_of(&question);
            prop_assert!(!title.is_empty());
            prop_assert!(title.chars().count() <= LONGEST);
        }
    }
}
