//! Which mail folders of a mailbox are read: the whole tree, but for what was never sent, was thrown away, or is not mail.

use std::collections::{BTreeMap, HashMap, HashSet};

use m365_database::DpaAccepted;
use m365_graph::{FolderId, Graph, GraphError, Next, WellKnownFolder};
use m365_model::{GraphUserId, MailboxId};
use m365_store::mailboxes::KnownFolder;
use m365_store::{PageError, Store};

use crate::repeats::Repeats;

/// A folder of a mailbox and the one that it lies in.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub id: FolderId,
    pub parent: Option<FolderId>,
    pub is_search_folder: bool,
    /// How many items lie directly in it, where the service says so.
    pub item_count: Option<u64>,
}

/// A folder that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadFolder {
    /// Its row.
    pub row: i64,
    pub id: FolderId,
    /// How many items lie directly in it, where the service says so.
    pub item_count: Option<u64>,
}

/// Which folders are known not to be read.
pub(crate) fn skipped(known: &[KnownFolder]) -> HashSet<FolderId> {
    let skipped = known.iter().filter(|folder| folder.skipped_as.is_some());
    skipped.filter_map(|folder| folder.folder_id.parse().ok()).collect()
}

/// Reads the folder tree, level by level. Graph lists one level at a time
/// (<https://learn.microsoft.com/graph/api/user-list-mailfolders>). What lies below a folder of `skipped` is not read and so not
/// asked for: a folder that is moved out of there stands in the listing of where it went.
pub(crate) async fn read_tree(
    graph: &Graph,
    gate: &DpaAccepted<'_>,
    user: &GraphUserId,
    skipped: &HashSet<FolderId>,
) -> Result<Vec<Node>, GraphError> {
    let mut tree = Vec::new();
    let mut seen = HashSet::new();
    let mut parents: Vec<Option<FolderId>> = vec![None];
    while let Some(parent) = parents.pop() {
        let mut page = graph.mail_folders_page(gate, user, parent.as_ref(), None).await?;
        let mut repeats = Repeats::default();
        loop {
            if repeats.leads_on_in_circles(&page.next, page.items.iter().map(|folder| &folder.id)) {
                return Err(GraphError::Unreadable);
            }
            for folder in page.items {
                // A folder that was moved while the tree was read may show up twice.
                if !seen.insert(folder.id.clone()) {
                    continue;
                }
                if folder.child_count > 0 && !folder.is_search_folder && !skipped.contains(&folder.id) {
                    parents.push(Some(folder.id.clone()));
                }
                tree.push(Node {
                    id: folder.id,
                    parent: parent.clone(),
                    is_search_folder: folder.is_search_folder,
                    item_count: folder.item_count,
                });
            }
            match page.next {
                Next::More(link) => {
                    page = graph.mail_folders_page(gate, user, parent.as_ref(), Some(&link)).await?;
                }
                Next::Done(_) | Next::End => break,
            }
        }
    }
    Ok(tree)
}

/// The folders of `tree` that are read: none that is skipped, or a search, or below either.
pub(crate) fn to_read<'t>(tree: &'t [Node], skipped: &HashSet<FolderId>) -> Vec<&'t Node> {
    let nodes: HashMap<&FolderId, &Node> = tree.iter().map(|node| (&node.id, node)).collect();
    let is_read = |node: &Node| {
        let mut at = Some(node);
        while let Some(here) = at {
            if here.is_search_folder || skipped.contains(&here.id) {
                return false;
            }
            at = here.parent.as_ref().and_then(|parent| nodes.get(parent)).copied();
        }
        true
    };
    tree.iter().filter(|node| is_read(node)).collect()
}

/// The folders that are read, found out without remembering anything.
pub(crate) async fn look(
    graph: &Graph,
    gate: &DpaAccepted<'_>,
    user: &GraphUserId,
) -> Result<Vec<FolderId>, GraphError> {
    let mut skipped = HashSet::new();
    let tree = read_tree(graph, gate, user, &skipped).await?;
    for folder in WellKnownFolder::NEVER_READ {
        skipped.extend(graph.folder_by_alias(gate, user, *folder).await?);
    }
    Ok(to_read(&tree, &skipped).into_iter().map(|node| node.id.clone()).collect())
}

/// Why the folders of a mailbox are not known.
#[derive(Debug)]
pub(crate) enum FolderError {
    Graph(GraphError),
    Page(PageError),
}

impl From<GraphError> for FolderError {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<PageError> for FolderError {
    fn from(error: PageError) -> Self {
        Self::Page(error)
    }
}

/// The folders that are read, with their rows. What stands behind the well-known names is asked for by name, because
/// display names are in the owner's language; and only when a folder appears that was never seen before.
pub(crate) async fn resolve(
    graph: &Graph,
    store: &Store,
    gate: &DpaAccepted<'_>,
    user: &GraphUserId,
    mailbox: MailboxId,
    mut known: Vec<KnownFolder>,
    tree: &[Node],
) -> Result<Vec<ReadFolder>, FolderError> {
    let is_known = |id: &FolderId| known.iter().any(|folder| folder.folder_id == id.as_str());
    if tree.iter().any(|node| !is_known(&node.id)) {
        // In one order: two runs that remember the same folders must not wait for each other.
        let mut remember: BTreeMap<String, Option<String>> =
            tree.iter().filter(|node| !is_known(&node.id)).map(|node| (node.id.as_str().to_owned(), None)).collect();
        for folder in WellKnownFolder::NEVER_READ {
            let alias = folder.alias();
            if known.iter().any(|known| known.skipped_as.as_deref() == Some(alias)) {
                continue;
            }
            if let Some(id) = graph.folder_by_alias(gate, user, *folder).await? {
                remember.insert(id.as_str().to_owned(), Some(alias.to_owned()));
            }
        }
        let remember: Vec<_> = remember.into_iter().collect();
        store.remember_folders(gate, mailbox, &remember).await?;
        known = store.known_folders(gate, mailbox).await.map_err(PageError::from)?;
    }
    let rows: HashMap<&str, i64> = known.iter().map(|folder| (folder.folder_id.as_str(), folder.row)).collect();
    let folder = |node: &Node| {
        let row = *rows.get(node.id.as_str())?;
        Some(ReadFolder { row, id: node.id.clone(), item_count: node.item_count })
    };
    Ok(to_read(tree, &skipped(&known)).into_iter().filter_map(folder).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_is_skipped_with_all_below_it() {
        let id = |text: &str| text.parse::<FolderId>().unwrap();
        let node = |name: &str, parent: Option<&str>, is_search_folder| Node {
            id: id(name),
            parent: parent.map(id),
            is_search_folder,
            item_count: None,
        };
        let tree = [
            node("inbox", None, false),
            node("deep", Some("nested"), false),
            node("nested", Some("inbox"), false),
            node("bin", None, false),
            node("old", Some("bin"), false),
            node("older", Some("old"), false),
            node("search", None, true),
            node("found", Some("search"), false),
        ];
        let skipped = HashSet::from([id("bin")]);
        let read: Vec<_> = to_read(&tree, &skipped).iter().map(|node| node.id.as_str().to_owned()).collect();
        assert_eq!(read, ["inbox", "deep", "nested"]);
    }
}
