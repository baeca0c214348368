// Compiles when `DpaAccepted` is `Clone`.
use m365_database::DpaAccepted;

fn twice<'run>(gate: DpaAccepted<'run>) -> (DpaAccepted<'run>, DpaAccepted<'run>) {
    (gate.clone(), gate)
}

fn main() {}
