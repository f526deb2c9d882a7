//! What the pages of the commune's hub have from those of the box: how they look, what they are said in, and how a form is known to
//! be the page's own; and the parts of templates in `pages/shared`. No whole page is shared.

pub use crate::pages::frame::STYLE;
pub use crate::pages::key_picture::KeyPicture;
pub use crate::pages::people::TOKEN_FIELD;
pub use crate::server::visit::{Jar, Visit, draw_visitor, token_of};
pub use crate::texts::Texts;
