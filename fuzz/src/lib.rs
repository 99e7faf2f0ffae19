//! What must hold of any bytes whatever, one file a target.
//!
//! A check panics when it does not hold. The fuzz targets feed it bytes of chance, ordinary tests feed it the corpus.

pub mod attachment;
pub mod certificate;
pub mod content;
pub mod envelope;
pub mod policy_file;
pub mod receive;
pub mod relay_frame;
pub mod said;
mod scene;
