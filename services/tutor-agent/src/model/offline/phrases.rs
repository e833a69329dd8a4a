//! What the offline tutor says, by the kind of question. `{topic}` is the section's heading,
//! `{hint}` a sentence of the lesson, `{n}` the passage's number.

/// What a student is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Definition,
    How,
    Why,
    Exercise,
    Stuck,
    General,
    NothingFound,
    Unsearched,
}

/// First match wins: a student who is stuck in an exercise needs the exercise's care.
const SIGNS: [(Kind, &[&str]); 5] = [
    (
        Kind::Exercise,
        &[
            "exercise",
            "homework",
            "solution",
            "solve",
            "the answer",
            "right answer",
            "correct answer",
            "quiz",
            "task",
            "assignment",
            "give me the",
            "just tell me",
        ],
    ),
    (
        Kind::Stuck,
        &[
            "stuck",
            "confus",
            "don't understand",
            "do not understand",
            "don't get",
            "no idea",
            "i'm lost",
            "i am lost",
            "help me",
            "too hard",
            "makes no sense",
            "explain this",
            "explain that",
        ],
    ),
    (Kind::Why, &["why ", "why?", "reason for", "what for", "how come", "purpose of"]),
    (Kind::How, &["how "]),
    (
        Kind::Definition,
        &[
            "what is",
            "what are",
            "what's",
            "whats",
            "what does",
            "define",
            "definition",
            "meaning of",
            "mean by",
            "difference between",
            "who is",
        ],
    ),
];

pub fn kind_of(question: &str) -> Kind {
    let text = question.to_lowercase().replace('’', "'");
    let matches = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    SIGNS.iter().find(|(_, signs)| matches(signs)).map_or(Kind::General, |(kind, _)| *kind)
}

pub fn choose(kind: Kind, variant: usize) -> &'static str {
    let phrases = phrases(kind);
    phrases[variant % phrases.len()]
}

fn phrases(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Definition => &[
            "Before I point you to it: how would you put it in your own words so far? The section *{topic}* says:\n\n> {hint} [{n}]\n\nWhich part of that sentence is new to you?",
            "Good term to pin down. From *{topic}*:\n\n> {hint} [{n}]\n\nCan you think of one example that fits this, and one that does not?",
            "Let us build the meaning from the lesson. In *{topic}* it reads:\n\n> {hint} [{n}]\n\nHow would you explain that to someone who missed the lesson?",
        ],
        Kind::How => &[
            "Let us take it one step at a time. What do you have at the start, and what should there be at the end? A hint from *{topic}*:\n\n> {hint} [{n}]\n\nWhat would be your first step?",
            "The section *{topic}* gives you a handle:\n\n> {hint} [{n}]\n\nTry it on the smallest case you can think of. What happens?",
            "Think about what has to be true before the last step can work. *{topic}* says:\n\n> {hint} [{n}]\n\nWhich step comes right before that?",
        ],
        Kind::Why => &[
            "A question worth asking. Imagine it were the other way round: what would go wrong? A hint from *{topic}*:\n\n> {hint} [{n}]\n\nWhich problem does this avoid?",
            "Reasons are often hidden in a consequence. From *{topic}*:\n\n> {hint} [{n}]\n\nWhat follows if you take this seriously?",
            "Let us look for the cause. *{topic}* says:\n\n> {hint} [{n}]\n\nHow does that connect to what you asked?",
        ],
        Kind::Exercise => &[
            "I will not take the exercise out of your hands, but I can bring you closer. What have you tried, and where did it stop? Read this again in *{topic}*:\n\n> {hint} [{n}]\n\nWhich part of the exercise does it speak about?",
            "The result is yours to find. Begin with what is given and what is asked; write both down. A hint from *{topic}*:\n\n> {hint} [{n}]\n\nWhat does it tell you about the first step?",
            "Let us make it smaller: solve the same thing with simpler values first. *{topic}* helps:\n\n> {hint} [{n}]\n\nWhat do you get, and why?",
        ],
        Kind::Stuck => &[
            "That happens to everybody; let us find the exact spot. Which sentence was the last one that made sense? Here is one to start from, in *{topic}*:\n\n> {hint} [{n}]\n\nWhich word in it is unclear?",
            "Let us go one step back. *{topic}* rests on this:\n\n> {hint} [{n}]\n\nDoes that much make sense? Tell me what you would expect to come next.",
            "No hurry. Read only this sentence from *{topic}*:\n\n> {hint} [{n}]\n\nHow would you say that in your own words? Even if it feels wrong, it shows us where it breaks.",
        ],
        Kind::General => &[
            "Your lessons touch on this in *{topic}*:\n\n> {hint} [{n}]\n\nHow does that relate to your question?",
            "Here is where I would look first, *{topic}*:\n\n> {hint} [{n}]\n\nWhat do you conclude from it?",
            "Let us start from what the lesson says in *{topic}*:\n\n> {hint} [{n}]\n\nWhat is still open for you after reading it?",
        ],
        Kind::NothingFound => &[
            "I found nothing on this in the lessons that are open to you. Can you say it with a word the lesson uses, or mark the sentence you mean and ask again?",
            "The lessons you have unlocked do not mention this, as far as I can see. What were you reading when the question came up? Mark that passage, and we start from there.",
        ],
        Kind::Unsearched => &[
            "I cannot search the lessons at this moment; they are being prepared. Meanwhile: what do you know already, and what exactly is the part that does not fit? Ask me again in a minute.",
        ],
    }
}
