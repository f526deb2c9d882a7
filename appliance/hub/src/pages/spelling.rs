//! A code as it is read aloud: each letter with a word, as radio operators say it (ICAO, annex 10), each digit as it is.

/// The words of the letters that codes have.
const WORDS: [(char, &str); 23] = [
    ('A', "Alfa"),
    ('B', "Bravo"),
    ('C', "Charlie"),
    ('D', "Delta"),
    ('E', "Echo"),
    ('F', "Foxtrot"),
    ('G', "Golf"),
    ('H', "Hotel"),
    ('J', "Juliett"),
    ('K', "Kilo"),
    ('M', "Mike"),
    ('N', "November"),
    ('P', "Papa"),
    ('Q', "Quebec"),
    ('R', "Romeo"),
    ('S', "Sierra"),
    ('T', "Tango"),
    ('U', "Uniform"),
    ('V', "Victor"),
    ('W', "Whiskey"),
    ('X', "Xray"),
    ('Y', "Yankee"),
    ('Z', "Zulu"),
];

/// The groups of a code, each letter with its word.
pub(super) fn spell(code: &str) -> Vec<Vec<(char, String)>> {
    let word = |letter: char| {
        let found = WORDS.iter().find(|(known, _)| *known == letter);
        (letter, found.map_or_else(|| letter.to_string(), |(_, word)| (*word).to_owned()))
    };
    code.split('-').map(|group| group.chars().map(word).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_has_a_word_that_begins_with_it() {
        for symbol in "23456789ABCDEFGHJKMNPQRSTUVWXYZ".chars() {
            let spelt = spell(&symbol.to_string());
            let (letter, word) = &spelt[0][0];
            assert_eq!(*letter, symbol);
            assert!(word.starts_with(symbol) && (symbol.is_ascii_digit() || word.len() > 3), "{word}");
        }
        assert_eq!(spell("K7QM-4XRT-9WPE").iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 4]);
    }
}
