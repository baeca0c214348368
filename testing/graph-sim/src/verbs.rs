//! What happens in the office, and what goes wrong with the service: the verbs of [`Simulator`].
//!
//! [`Simulator`]: crate::Simulator

mod calendar;
mod mail;
mod moods;
mod people;
mod sign_in;
mod tick;
mod trouble;

pub use calendar::NewMeeting;
pub use mail::NewMessage;
pub use moods::Policy;
pub use people::NewUser;
pub use tick::Tick;
