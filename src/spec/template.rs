//! Text with references: `${orders}/orders/${order}`.

use std::fmt;

/// Text in which `${name}` stands for something that is known only later.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    parts: Vec<Part>,
}

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Literal text.
    Text(String),
    /// The name between `${` and `}`.
    Reference(String),
}

impl Template {
    /// Reads a template; `$${` is a literal `${`.
    ///
    /// # Errors
    /// The byte offset of a `${` that is never closed or that holds no name.
    pub fn parse(text: &str) -> Result<Template, usize> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let at = text.len() - rest.len() + start;
            if rest[..start].ends_with('$') {
                literal.push_str(&rest[..start]);
                literal.push('{');
                rest = &rest[start + 2..];
                continue;
            }
            literal.push_str(&rest[..start]);
            let end = rest[start..].find('}').map(|length| start + length).ok_or(at)?;
            let name = rest[start + 2..end].trim();
            if name.is_empty() {
                return Err(at);
            }
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Reference(name.to_owned()));
            rest = &rest[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Template { parts })
    }

    /// The pieces in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// All names that it refers to, in order.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The name, if the whole template is one reference.
    pub fn only_reference(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Reference(name)] => Some(name),
            _ => None,
        }
    }

    /// Fills in every reference.
    ///
    /// # Errors
    /// The first name for which `lookup` has nothing.
    pub fn fill(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Reference(name) => text.push_str(&lookup(name).ok_or_else(|| name.clone())?),
            }
        }
        Ok(text)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(literal) => formatter.write_str(&literal.replace("${", "$${")),
            Part::Reference(name) => write!(formatter, "${{{name}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[&str], usize>) {
        let parsed = Template::parse(text);
        let references = parsed.as_ref().map(|template| template.references().collect::<Vec<_>>());
        assert_eq!(references.map_err(|at| *at), expected.map(<[&str]>::to_vec), "{text}");
        if let Ok(template) = parsed {
            assert_eq!(template.to_string(), text);
        }
    }

    #[test]
    fn references_are_found() {
        check("", Ok(&[]));
        check("plain", Ok(&[]));
        check("${orders}/orders/${order}", Ok(&["orders", "order"]));
        check("costs $5", Ok(&[]));
        check("a literal $${brace}", Ok(&[]));
        check("open ${order", Err(5));
        check("empty ${}", Err(6));
    }

    #[test]
    fn filling_names_what_is_missing() {
        let template = Template::parse("${a}-${b}").unwrap();
        assert_eq!(template.fill(|name| (name == "a").then(|| "1".to_owned())), Err("b".to_owned()));
        assert_eq!(template.fill(|name| Some(name.to_uppercase())), Ok("A-B".to_owned()));
    }
}
