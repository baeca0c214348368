//! Mail folders.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A folder's id. Folders keep their ordinary ids; [immutable ones](https://learn.microsoft.com/en-us/graph/outlook-immutable-id)
/// are for what lies in them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct FolderId(String);

super::silent_debug!(FolderId, Folder);

/// A text that cannot be a folder's id. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a folder id is not empty and not a dot")]
pub struct InvalidFolderId;

impl FolderId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FolderId {
    type Err = InvalidFolderId;
    fn from_str(text: &str) -> Result<Self, InvalidFolderId> {
        // As a segment of a path, dots would lead to another folder or out of all.
        if matches!(text, "" | "." | "..") { Err(InvalidFolderId) } else { Ok(Self(text.to_owned())) }
    }
}

impl TryFrom<String> for FolderId {
    type Error = InvalidFolderId;
    fn try_from(text: String) -> Result<Self, InvalidFolderId> {
        text.parse()
    }
}

/// A mail folder, without its name: names are written in the owner's language and may say anything.
#[derive(Deserialize)]
#[serde(from = "WireFolder")]
pub struct Folder {
    /// The id.
    pub id: FolderId,
    /// The folder that it lies in.
    pub parent: Option<FolderId>,
    /// How many folders lie directly in it.
    pub child_count: u32,
    /// How many [items](https://learn.microsoft.com/en-us/graph/api/resources/mailfolder) lie directly in it, where the listing
    /// says so.
    pub item_count: Option<u64>,
    /// Whether it only shows what lies in other folders. The
    /// [kind](https://learn.microsoft.com/en-us/graph/api/resources/mailsearchfolder) is an annotation of the protocol, so it
    /// comes whatever is selected.
    pub is_search_folder: bool,
}

impl Folder {
    /// The fields that a listing asks for.
    pub const SELECT: &'static [&'static str] = WireFolder::SELECT;
}

super::asked_for! {
    WireFolder {
        "id" => id: FolderId,
        "parentFolderId" => parent: Option<FolderId>,
        "childFolderCount" => child_count: Option<u32>,
        "totalItemCount" => item_count: Option<u64>,
    }
    unasked {
        "@odata.type" => kind: Option<String>,
    }
}

impl From<WireFolder> for Folder {
    fn from(wire: WireFolder) -> Self {
        Self {
            id: wire.id,
            parent: wire.parent,
            child_count: wire.child_count.unwrap_or_default(),
            item_count: wire.item_count,
            is_search_folder: wire
                .kind
                .is_some_and(|kind| kind.eq_ignore_ascii_case("#microsoft.graph.mailSearchFolder")),
        }
    }
}

/// What is asked of a folder that is known by its alias: which one it is.
#[derive(Deserialize)]
pub(crate) struct FolderEntry {
    pub(crate) id: FolderId,
}

/// The [well-known folders](https://learn.microsoft.com/en-us/graph/api/resources/mailfolder), by names that are the same in
/// every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are Microsoft's and say it")]
pub enum WellKnownFolder {
    Archive,
    Clutter,
    Conflicts,
    ConversationHistory,
    DeletedItems,
    Drafts,
    Inbox,
    JunkEmail,
    LocalFailures,
    MsgFolderRoot,
    Outbox,
    RecoverableItemsDeletions,
    Scheduled,
    SearchFolders,
    SentItems,
    ServerFailures,
    SyncIssues,
}

impl WellKnownFolder {
    /// The folders that are never read, with all that lies below them: nothing in them was sent to anyone, or it was thrown
    /// away, or it is not mail.
    pub const NEVER_READ: &'static [Self] = &[
        Self::Drafts,
        Self::Outbox,
        Self::DeletedItems,
        Self::JunkEmail,
        Self::ConversationHistory,
        Self::Scheduled,
        Self::SyncIssues,
        Self::Conflicts,
        Self::LocalFailures,
        Self::ServerFailures,
        Self::SearchFolders,
        Self::RecoverableItemsDeletions,
    ];

    /// The name in paths.
    pub const fn alias(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Clutter => "clutter",
            Self::Conflicts => "conflicts",
            Self::ConversationHistory => "conversationhistory",
            Self::DeletedItems => "deleteditems",
            Self::Drafts => "drafts",
            Self::Inbox => "inbox",
            Self::JunkEmail => "junkemail",
            Self::LocalFailures => "localfailures",
            Self::MsgFolderRoot => "msgfolderroot",
            Self::Outbox => "outbox",
            Self::RecoverableItemsDeletions => "recoverableitemsdeletions",
            Self::Scheduled => "scheduled",
            Self::SearchFolders => "searchfolders",
            Self::SentItems => "sentitems",
            Self::ServerFailures => "serverfailures",
            Self::SyncIssues => "syncissues",
        }
    }
}

impl fmt::Display for WellKnownFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.alias())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_place_in_the_tree_and_no_name() {
        let folder: Folder = serde_json::from_str(
            r##"{"@odata.type":"#microsoft.graph.mailSearchFolder","id":"F=","displayName":"CANARY","parentFolderId":"R",
                "childFolderCount":3}"##,
        )
        .unwrap();
        assert!(folder.is_search_folder && folder.child_count == 3);
        assert_eq!(folder.parent.unwrap().as_str(), "R");
        let plain: Folder = serde_json::from_str(r#"{"id":"F"}"#).unwrap();
        assert!(!plain.is_search_folder && plain.parent.is_none() && plain.child_count == 0);
        assert_eq!(Folder::SELECT.join(","), "id,parentFolderId,childFolderCount,totalItemCount");
        for bad in ["", ".", ".."] {
            assert_eq!(bad.parse::<FolderId>(), Err(InvalidFolderId));
        }
    }
}
