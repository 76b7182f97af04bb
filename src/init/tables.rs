//! Tables and their columns, from files of SQL.

use super::folder::File;

/// A table as `create table` makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub name: String,
    pub columns: Vec<Column>,
}

/// One of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub name: String,
    pub kind: Kind,
    /// Whether the database fills it in by itself.
    pub is_filled: bool,
    pub is_key: bool,
}

/// What a column holds, as far as one can make up values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Truth,
    Uuid,
    Other,
}

/// The files that make the tables, in the order in which they are applied. Steps back are left out.
pub(super) fn files(files: &[File]) -> Vec<&File> {
    let is_step_back = |name: &str| name.contains(".down.") || name.starts_with('U') && name.contains("__");
    let mut found: Vec<&File> = files
        .iter()
        .filter(|file| file.end() == "sql" && !is_step_back(file.name()))
        .filter(|file| file.text.to_ascii_lowercase().contains("create table"))
        .collect();
    let number = |file: &&File| {
        let digits: String =
            file.name().trim_start_matches('V').chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(u64::MAX)
    };
    found.sort_by_key(|file| (file.folder().to_owned(), number(file), file.name().to_owned()));
    // Migrations stand together; what stands elsewhere is likely the same once more, for tests or for a demonstration.
    let folder = found.first().map(|file| file.folder().to_owned()).unwrap_or_default();
    found.retain(|file| file.folder() == folder);
    found
}

/// All tables that a text of SQL makes.
pub(super) fn read(sql: &str) -> Vec<Table> {
    let sql: String =
        sql.lines().map(|line| line.split("--").next().unwrap_or(line)).collect::<Vec<_>>().join("\n");
    let lower = sql.to_ascii_lowercase();
    let mut tables = Vec::new();
    for (at, words) in lower.match_indices("create table") {
        let rest = &sql[at + words.len()..];
        let Some(open) = rest.find('(') else { continue };
        let name = rest[..open].split_whitespace().last().unwrap_or_default();
        let name = name.trim_matches('"').trim_start_matches("public.").to_owned();
        let parts = parts(&rest[open + 1..]);
        let mut columns: Vec<Column> = parts.iter().filter_map(|part| column(part)).collect();
        let keys = parts
            .iter()
            .find_map(|part| part.to_ascii_lowercase().strip_prefix("primary key").map(str::to_owned));
        for column in &mut columns {
            let is_in = |keys: &String| {
                keys.split(|c: char| !c.is_alphanumeric() && c != '_').any(|key| key == column.name)
            };
            column.is_key |= keys.as_ref().is_some_and(is_in);
        }
        if !name.is_empty() && !columns.is_empty() {
            tables.push(Table { name, columns });
        }
    }
    tables
}

/// What stands between the commas, up to the bracket that ends the table.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_usize;
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' if depth == 0 => break,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

fn column(part: &str) -> Option<Column> {
    let lower = part.to_ascii_lowercase();
    let mut words = lower.split_whitespace();
    let (name, kind) = (words.next()?.trim_matches('"').to_owned(), words.next()?.to_owned());
    if matches!(name.as_str(), "primary" | "foreign" | "constraint" | "unique" | "check" | "exclude" | "like")
    {
        return None;
    }
    let starts = |kinds: &[&str]| kinds.iter().any(|known| kind.starts_with(known));
    let is_filled =
        kind.contains("serial") || ["default", "generated"].iter().any(|word| lower.contains(word));
    let kind = match () {
        () if starts(&["text", "varchar", "character", "char", "citext"]) => Kind::Text,
        () if starts(&["int", "bigint", "smallint", "numeric", "decimal", "real", "double"]) => Kind::Number,
        () if starts(&["bool"]) => Kind::Truth,
        () if starts(&["uuid"]) => Kind::Uuid,
        () => Kind::Other,
    };
    Some(Column { name, kind, is_filled, is_key: lower.contains("primary key") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_people_write_them() {
        let sql = "-- create table never (id text)\n\
                   create table if not exists public.orders (\n  order_id text primary key, -- the id\n  \
                   total numeric(10, 2) not null,\n  placed_at timestamptz not null default now()\n);\n\
                   CREATE TABLE lines (order_id text, line int, note varchar(20), PRIMARY KEY (order_id, line));";
        let told: Vec<String> = read(sql)
            .into_iter()
            .map(|table| {
                let column = |column: &Column| {
                    let key = if column.is_key { " key" } else { "" };
                    let filled = if column.is_filled { " filled" } else { "" };
                    format!("{} {:?}{key}{filled}", column.name, column.kind)
                };
                format!("{}: {}", table.name, table.columns.iter().map(column).collect::<Vec<_>>().join(", "))
            })
            .collect();
        assert_eq!(
            told,
            [
                "orders: order_id Text key, total Number, placed_at Other filled",
                "lines: order_id Text key, line Number key, note Text",
            ]
        );
    }
}
