//! A prompt as a list of words.

/// The prompt's words, lower-cased, with plain plurals also in the singular.
pub struct Words {
    list: Vec<String>,
    pub text: String,
}

impl Words {
    pub fn of(text: &str) -> Self {
        // Prompts are bounded by the request; a few thousand words are plenty for a word list.
        let list = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| !w.is_empty())
            .take(4_000);
        let mut words: Vec<String> = Vec::new();
        for word in list {
            words.push(word.to_owned());
            if let Some(singular) = word.strip_suffix('s') {
                words.push(singular.to_owned());
            }
        }
        Self {
            list: words,
            text: text.to_owned(),
        }
    }

    /// Whether any of these words, separated by spaces, occurs.
    pub fn any(&self, options: &str) -> bool {
        options
            .split(' ')
            .any(|option| self.list.iter().any(|word| word == option))
    }

    /// Where the first of these words occurs.
    pub fn first(&self, options: &str) -> Option<usize> {
        self.list
            .iter()
            .position(|word| options.split(' ').any(|option| word == option))
    }
}
