//! The folder tree of a new mailbox.

use crate::ids::Stem;
use crate::names::Language;
use crate::world::{FolderKind, Mailbox};

/// A mailbox with the folders that Exchange makes, named in the owner's language, and a few of
/// the owner's own.
pub(crate) fn furnish(stem: Stem, language: &Language, salt: usize) -> Mailbox {
    let mut mailbox = Mailbox::new(stem);
    let root = mailbox.add_folder(language.root.to_owned(), Some("msgfolderroot"), None);
    for (alias, name) in &language.folders {
        // The archive, the clutter and the saved searches are not in every mailbox.
        if *alias == "clutter" && !salt.is_multiple_of(3) {
            continue;
        }
        let folder = mailbox.add_folder((*name).to_owned(), Some(alias), Some(root));
        mailbox.folders[folder.0].hidden = matches!(*alias, "scheduled" | "searchfolders");
    }
    if let Some(issues) = mailbox.by_alias("syncissues") {
        for (alias, name) in &language.sync_issues {
            mailbox.add_folder((*name).to_owned(), Some(alias), Some(issues));
        }
    }
    if let Some(history) = mailbox.by_alias("conversationhistory") {
        mailbox.add_folder("Team Chat".to_owned(), None, Some(history));
    }
    let [customers, projects, old] = language.own.map(|word| format!("{word} CANARY-NAME-F{salt:05}"));
    if let Some(inbox) = mailbox.by_alias("inbox") {
        let customers = mailbox.add_folder(customers, None, Some(inbox));
        let first = mailbox.add_folder(format!("A CANARY-NAME-F{salt:05}"), None, Some(customers));
        mailbox.add_folder(format!("B CANARY-NAME-F{salt:05}"), None, Some(first));
    }
    mailbox.add_folder(projects, None, Some(root));
    if let Some(deleted) = mailbox.by_alias("deleteditems") {
        mailbox.add_folder(old, None, Some(deleted));
    }
    let search = mailbox.add_folder(format!("{} CANARY-NAME-F{salt:05}", language.search), None, Some(root));
    mailbox.folders[search.0].kind = FolderKind::Search;
    let hidden = mailbox.add_folder("Recoverable Items".to_owned(), Some("recoverableitemsdeletions"), Some(root));
    mailbox.folders[hidden.0].hidden = true;
    mailbox
}
