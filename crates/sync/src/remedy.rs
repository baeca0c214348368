//! What a person is told to do, in one place: health and the run summary say the same.

use m365_model::Way;

/// The agreement does not stand.
pub(crate) const ACCEPT: &str = "Sync blocked by DPA: have a tenant administrator accept the data processing agreement in \
                                 connector settings.";
/// The connector was disconnected, and what it recorded was kept.
pub(crate) const CONNECT_AGAIN: &str = "Microsoft 365 was disconnected, so nothing is read; what was recorded stays. Run \
                                        m365-connector connect, or connect it again in Settings > Connectors.";
/// The allow-list is empty.
pub(crate) const ADD_DOMAINS: &str =
    "The allow-list is empty, so nothing can be kept and nothing is read: add prospect domains.";
/// A domain of the list turned out to be the company's own.
pub(crate) const PAUSED: &str = "A domain of the allow-list was found to be one of your own, so its entry is paused: nobody new is let in by it, and \
     nothing was deleted. allowlist list shows it; decide with allowlist remove --purge or --keep.";
/// Calendars cannot be read, mail can.
pub(crate) const CALENDARS: &str = "Calendar events are missing for want of a permission: verify that the Calendars.Read \
                                    application permission is granted.";
/// Mail cannot be read, calendars can.
pub(crate) const MAIL: &str = "Mail metadata cannot be read with the permissions granted: confirm that Mail.ReadBasic.All, not \
                               Mail.Read, is granted as an application permission.";
/// Users cannot be listed.
pub(crate) const USERS: &str = "The users cannot be listed: verify that the User.Read.All application permission is granted, and \
                                run the admin consent flow again for the Microsoft tenant.";
/// Nothing can be read.
pub(crate) const NOTHING_GRANTED: &str = "Neither calendars nor mail can be read in any mailbox: run the admin consent flow again \
                                          for the Microsoft tenant, with Calendars.Read and Mail.ReadBasic.All as application \
                                          permissions.";
/// The application's secret ends soon, or has ended.
pub(crate) const NEW_SECRET: &str = "Make a new client secret in the Entra admin center, give it to this service, start it again and note \
                                     the new day under Register. Two secrets may be live at once, so nothing is interrupted.";
/// Someone ended the run.
pub(crate) const STOPPED: &str = "The sync was asked to stop: the pages that it had read are stored, and the next sync goes on from \
                                  there.";
/// The listing of users broke off, so nobody can tell who is internal.
pub(crate) const USER_LIST_CUT: &str = "The list of users was not complete, so it is not known who is internal: nothing was read. \
                                        The next sync asks again.";

/// What is said where Microsoft's service does not bring a round to its end.
pub(crate) const fn of_way(way: Way) -> &'static str {
    match way {
        Way::Delta | Way::LargePages => {
            "Microsoft's service went in circles in this mailbox, so it is asked for larger pages. Nothing to do."
        }
        Way::ShortWindow => {
            "Microsoft's service went in circles in this mailbox, so its calendar is read for the next 30 days only, and further \
             as time goes on. Nothing to do: what has happened is all there."
        }
        Way::List => {
            "Microsoft's service brings no round to its end in this mailbox, so it is read as a plain list, which takes more \
             requests. Nothing is missing. If it stays, report it to Microsoft's support."
        }
    }
}
