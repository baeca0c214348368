// Caught mutation: making the field of `Subject` public.
fn main() {
    let _ = m365_privacy::Subject(String::from("Renewal"));
}
