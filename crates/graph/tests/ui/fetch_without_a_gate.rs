//! Nobody is asked for without the proof that the agreement stands.

async fn fetch(graph: &m365_graph::Graph) {
    let _ = graph.users_page(None).await;
}

fn main() {}
