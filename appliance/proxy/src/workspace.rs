//! The online workspace (ENT), served by the box to devices that trust it for that.
//!
//! The gate reads the server name as ever. Where it is a workspace's and the device has the box's certificate, the box ends
//! the TLS connection itself, judges and records each request, and asks the workspace over a connection of its own. All
//! other devices, and those that turn out not to trust the box, are carried through untouched: `distrust`.
//!
//! Invariant: nothing but the workspace's names is ever decrypted; a request for another name than the connection's is
//! not forwarded; nothing is asked without a `Recorded<Permit>`.

mod authorising;
mod banner;
mod caching;
mod connection;
mod cut;
mod distrust;
mod doubt;
mod errand;
mod exchange;
mod favourites;
mod lines;
mod lull;
mod measure;
mod nobody;
mod nursery;
mod pace;
mod plea;
mod pool;
mod posted;
mod preparing;
mod redirection;
mod server;
mod serving;
mod settings;
mod start;
mod stream;
mod turnstile;
mod typed;
mod upload;

pub(crate) use connection::serve;
pub use pace::Pace;
pub use preparing::{Preparation, Progress, Settled, Wanted};
pub use settings::{Workspace, Workspaces};
