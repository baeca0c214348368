//! What a form sent.

use url::form_urlencoded;

/// The fields of a form, as they were typed.
#[derive(Clone, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a form's body.
    pub fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first value of a field, without blanks around it; empty when it was not sent.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim()).unwrap_or_default()
    }

    /// Every value of a field.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Whether a box was ticked.
    pub fn flag(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// Everything but the proof, to be sent once more.
    pub(crate) fn typed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(|(name, _)| name != crate::doors::PROOF)
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// What a handler wants to know of a form.
pub trait Form: Sized {
    /// Takes it from the fields. What is missing or wrong is the page's to say, beside the field.
    fn read(fields: &Fields) -> Self;
}

impl Form for Fields {
    fn read(fields: &Fields) -> Self {
        fields.clone()
    }
}

/// A form that is a button alone.
pub struct Button;

impl Form for Button {
    fn read(_: &Fields) -> Self {
        Self
    }
}
