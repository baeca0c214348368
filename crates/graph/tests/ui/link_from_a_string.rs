//! A link comes out of the check of where it leads, and from nowhere else.

fn main() {
    let _: m365_graph::Link = "https://evil.test/v1.0/users/u1/messages".into();
}
