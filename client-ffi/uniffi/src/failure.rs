//! The one error of this interface.

use gossiperl_bindings::Error;

/// What went wrong; each language makes an exception of the kind's class of it.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum Failure {
    /// All there is.
    #[error("{text}")]
    Failed {
        /// The name of the kind, such as `closed`.
        kind: String,
        /// A sentence that names the input and the remedy.
        text: String,
        /// The wrong option.
        option: Option<String>,
        /// The daemon's code.
        code: Option<i32>,
    },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Failed {
            kind: error.kind.as_str().to_owned(),
            text: error.message,
            option: error.option.map(str::to_owned),
            code: error.code,
        }
    }
}
