// Caught mutation: making the field `participants` of `CanonicalActivity` public.
fn replace(activity: &mut m365_activity::CanonicalActivity, people: Vec<m365_privacy::Participant>) {
    activity.participants = people;
}

fn main() {
    let _ = replace;
}
