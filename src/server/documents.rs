//! Following the documents of a store `files:DIRECTORY`: what they declare takes effect when they change.

use std::time::Duration;

use metrics::{counter, describe_gauge, gauge};
use tracing::{error, info};

use crate::store::{DocumentsRead, SqlStore};

use super::reload::RELOADS;

/// How often the folder is looked at: well within the second after which what was taken back is refused.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Tells how many documents are refused.
const REFUSED: &str = "doorward_documents_refused";

/// Reports the documents that were read at start, if the store is made of such.
pub(super) fn begin(store: &SqlStore) {
    describe_gauge!(REFUSED, "Documents of the store that are refused.");
    if let Some(read) = store.documents_read() {
        report(&read);
    }
}

/// Follows the documents for ever.
pub(super) async fn follow(store: SqlStore) {
    let mut is_readable = true;
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        match store.look_at_documents().await {
            Ok(None) => is_readable = true,
            Ok(Some(read)) => {
                is_readable = true;
                report(&read);
            }
            // Told once, not four times a second.
            Err(error) if is_readable => {
                is_readable = false;
                error!(%error, "the documents cannot be looked at, what they declared stays");
            }
            Err(_) => {}
        }
    }
}

/// Counts the documents, and logs what is wrong with those that are refused.
fn report(read: &DocumentsRead) {
    let good = read.count - read.refused.len();
    let count = |result, number: usize| {
        counter!(RELOADS, "what" => "document", "result" => result).increment(number as u64);
    };
    count("ok", good);
    count("refused", read.refused.len());
    gauge!(REFUSED).set(u32::try_from(read.refused.len()).unwrap_or(u32::MAX));
    info!(good, refused = read.refused.len(), "the documents of the store were read");
    for document in &read.refused {
        let (file, errors) = (document.file.display(), &document.errors);
        if document.is_kept {
            error!(%file, %errors, "a document is refused, its last good version stays");
        } else {
            error!(%file, %errors, "a document is refused, what it declares is unavailable");
        }
    }
}
