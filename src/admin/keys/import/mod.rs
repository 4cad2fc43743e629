//! Keys made elsewhere, taken over by their hashes: JSON lines, or CSV.
//!
//! Everything is checked before anything is written, and written in one transaction. Whatever stands in a
//! line, no problem repeats a text that could be a key.

mod line;
mod lines;

use std::{collections::HashMap, fmt, hash::Hash, io::BufRead};

use rand::CryptoRng;

use crate::{
    admin::{Problem, record::changed},
    domain::{Author, KeyId, KeyRecord, Timestamp},
    store::{Finds, KeyStore, ProjectStore, StoreError},
};

use super::{KeyError, Keys};

/// The most problems that are told; the others are counted.
const PROBLEMS_MAX: usize = 100;

pub use lines::ImportFormat;

/// Keys that are to be taken over.
pub struct Import<'p, R> {
    /// Where they stand.
    pub reader: R,
    /// In which form.
    pub format: ImportFormat,
    /// Whether nothing is changed: it is only told what would be refused.
    pub validate_only: bool,
    /// Whether whoever imports may have such a key.
    pub permit: &'p (dyn Fn(&KeyRecord) -> Result<(), Problem> + Sync),
}

/// What is wrong with an import, by line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LineProblems {
    /// The first of them, each with the number of its line.
    pub first: Vec<(usize, Problem)>,
    /// How many more there are.
    pub more: usize,
}

impl LineProblems {
    fn add(&mut self, line: usize, problem: Problem) {
        if self.first.len() < PROBLEMS_MAX {
            self.first.push((line, problem));
        } else {
            self.more += 1;
        }
    }
}

impl fmt::Display for LineProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (line, problem)) in self.first.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}line {line}: {problem}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl<S: KeyStore + ProjectStore> Keys<'_, S> {
    /// Adds all keys of an import, or none of them. Returns how many there are.
    ///
    /// # Errors
    ///
    /// [`KeyError::Import`] with the problems of all lines, [`KeyError::Read`] or [`KeyError::Store`].
    pub async fn import(
        &self,
        import: Import<'_, impl BufRead>,
        rng: &mut impl CryptoRng,
        by: &Author,
    ) -> Result<usize, KeyError> {
        let now = self.now();
        let mut gathered = Gathered::default();
        let mut last = 0;
        for line in lines::of(import.reader, import.format) {
            let (number, text) = line.map_err(|error| KeyError::Read { line: last, error })?;
            last = number;
            let record = text.map_err(|problem| vec![problem]).and_then(|text| {
                let record = self.read_line(&text, now, rng)?;
                (import.permit)(&record).map_err(|problem| vec![problem])?;
                Ok(record)
            });
            gathered.take(number, record);
        }
        for (line, record) in gathered.lines.iter().zip(&gathered.records) {
            for problem in self.clashes(record).await? {
                gathered.problems.add(*line, problem);
            }
        }
        if !gathered.problems.first.is_empty() {
            gathered.problems.first.sort_by_key(|(line, _)| *line);
            return Err(KeyError::Import(gathered.problems));
        }
        if !import.validate_only {
            self.store.import(&gathered.records, by).await?;
            for record in &gathered.records {
                changed("import", record, by);
            }
        }
        Ok(gathered.records.len())
    }

    fn read_line(
        &self,
        text: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<KeyRecord, Vec<Problem>> {
        let imported = line::read(text)?;
        let mut problems = imported.wanted.problems(self.apis, self.plans, now);
        problems.extend(imported.leaks());
        if !problems.is_empty() {
            return Err(problems);
        }
        let id = imported.id.unwrap_or_else(|| KeyId::generate(rng));
        let hint = match imported.hint {
            Some(hint) => hint,
            None => line::default_hint(self.apis, &imported.wanted).map_err(|problem| vec![problem])?,
        };
        imported.wanted.into_record(id, imported.hash, hint, now, self.apis).map_err(|problem| vec![problem])
    }

    /// Which parts of the record's identity the store has already, and whether it has the project under another
    /// organization.
    async fn clashes(&self, record: &KeyRecord) -> Result<Vec<Problem>, KeyError> {
        let project = self.project_problem(record.project.as_ref(), &record.organization).await?;
        let mut problems = Vec::from_iter(project);
        if Finds::<KeyRecord>::find(self.store, &record.hash).await?.record.is_some() {
            problems.push(Problem::new(
                "hash",
                "the hash of another key",
                "expected a key that the store does not have",
            ));
        }
        match self.store.get(&record.id).await {
            Ok(_) => problems.push(Problem::new(
                "id",
                "the id of another key",
                "expected an id that the store does not have",
            )),
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(problems)
    }
}

/// What has been read so far.
#[derive(Default)]
struct Gathered {
    records: Vec<KeyRecord>,
    /// The number of each record's line.
    lines: Vec<usize>,
    hashes: HashMap<[u8; 32], usize>,
    ids: HashMap<KeyId, usize>,
    problems: LineProblems,
}

impl Gathered {
    fn take(&mut self, line: usize, read: Result<KeyRecord, Vec<Problem>>) {
        let record = match read {
            Ok(record) => record,
            Err(problems) => {
                for problem in problems {
                    self.problems.add(line, problem);
                }
                return;
            }
        };
        let twins = [
            ("hash", first_line(&mut self.hashes, *record.hash.as_bytes(), line)),
            ("id", first_line(&mut self.ids, record.id.clone(), line)),
        ];
        for (field, first) in twins {
            if first != line {
                let found = format!("the same as in line {first}");
                self.problems.add(line, Problem::new(field, found, "expected each key once"));
            }
        }
        self.records.push(record);
        self.lines.push(line);
    }
}

/// The line in which this value stood first.
fn first_line<K: Eq + Hash>(seen: &mut HashMap<K, usize>, value: K, line: usize) -> usize {
    *seen.entry(value).or_insert(line)
}
