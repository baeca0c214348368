// Caught mutation: making `Participant::new` public.
fn main() {
    let _ = m365_privacy::Participant::new;
}
