//! Text from others, made harmless for terminals and logs.

use std::fmt::{self, Display, Write};

/// Shows control characters as escapes (`\n`, `\u{1b}`), so that a name or a message can neither begin a line of its own nor
/// command a terminal.
pub(crate) struct Printable<T>(pub(crate) T);

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(formatter), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(char::is_control) {
            match part.chars().next_back().filter(|last| last.is_control()) {
                Some(last) => {
                    self.0.write_str(part.strip_suffix(last).unwrap_or(part))?;
                    write!(self.0, "{}", last.escape_default())?;
                }
                None => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_nothing_else() {
        let shown = |text: &str| Printable(text).to_string();
        assert_eq!(shown("a\u{1b}[31m\r\nb\u{9b}\0"), r"a\u{1b}[31m\r\nb\u{9b}\u{0}");
        assert_eq!(shown(r#"ünï "x" \n 日本"#), r#"ünï "x" \n 日本"#);
        assert_eq!(shown(""), "");
    }
}
