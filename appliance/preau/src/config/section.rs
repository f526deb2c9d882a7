//! Reading one table of the configuration file.

use std::borrow::Cow;
use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use toml_span::de_helpers::TableHelper;
use toml_span::value::ValueInner;
use toml_span::{DeserError, Deserialize, Error, ErrorKind, Span, Spanned, Value};

/// A network of the school and the box's address in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Side<N, A> {
    /// The network.
    pub(super) network: N,
    /// The box's address, inside `network`.
    pub(super) address: A,
}

/// A port that a door of the box listens on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port {
    /// Never 0.
    pub(super) number: u16,
    /// Where the file gives it; `None` for a default.
    pub(super) span: Option<Span>,
}

/// A table whose mistakes are gathered, not thrown.
pub(super) struct Section<'de> {
    helper: TableHelper<'de>,
    span: Span,
}

impl<'de> Section<'de> {
    pub(super) fn open(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let span = value.span;
        Ok(Self { helper: TableHelper::new(value)?, span })
    }

    /// The value read, or every mistake gathered and every key that nobody asked for.
    pub(super) fn close<T>(self, value: Option<T>) -> Result<T, DeserError> {
        let span = self.span;
        self.helper.finalize(None)?;
        value.ok_or_else(|| mistake(span, "this table is incomplete").into())
    }

    /// Reads the table under `key` as far as it can be read; its mistakes are gathered with these. `None` when there is
    /// none.
    pub(super) fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<Spanned<T>> {
        let (_, value) = self.helper.take(key)?;
        self.read_value(value, read)
    }

    /// The same for a list of tables, each under its own `[[key]]`.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Self) -> T,
    ) -> Option<Spanned<Vec<T>>> {
        let (_, mut value) = self.helper.take(key)?;
        let span = value.span;
        let ValueInner::Array(values) = value.take() else {
            self.reject(span, format!("`{key}` is a list of tables, each under its own [[…]]"));
            return None;
        };
        let tables = values.into_iter().filter_map(|value| self.read_value(value, &read));
        Some(Spanned::with_span(tables.map(|table| table.value).collect(), span))
    }

    fn read_value<T>(
        &mut self,
        mut value: Value<'de>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<Spanned<T>> {
        match Self::open(&mut value) {
            Ok(mut section) => {
                let read = read(&mut section);
                let span = section.span;
                let mistakes = section.helper.finalize(None).err();
                self.helper.errors.extend(mistakes.into_iter().flat_map(|mistakes| mistakes.errors));
                Some(Spanned::with_span(read, span))
            }
            Err(mistakes) => {
                self.helper.errors.extend(mistakes.errors);
                None
            }
        }
    }

    /// Where the table stands.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.helper.contains(key)
    }

    /// Whether something stands under `key` that is no empty list.
    pub(super) fn is_filled(&self, key: &str) -> bool {
        let value = self.helper.table.get(key);
        value.is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
    }

    pub(super) fn has_mistakes(&self) -> bool {
        !self.helper.errors.is_empty()
    }

    pub(super) fn reject(&mut self, span: Span, message: impl Into<String>) {
        self.helper.errors.push(mistake(span, message.into()));
    }

    pub(super) fn required<T: Deserialize<'de>>(&mut self, key: &'static str) -> Option<T> {
        self.helper.required(key).ok()
    }

    pub(super) fn required_spanned<T: Deserialize<'de>>(&mut self, key: &'static str) -> Option<Spanned<T>> {
        self.helper.required_s(key).ok()
    }

    pub(super) fn optional<T: Deserialize<'de>>(&mut self, key: &'static str) -> Option<T> {
        self.helper.optional(key)
    }

    pub(super) fn optional_spanned<T: Deserialize<'de>>(&mut self, key: &'static str) -> Option<Spanned<T>> {
        self.helper.optional_s(key)
    }

    pub(super) fn parse<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        let text = self.optional_spanned::<String>(key)?;
        self.parse_text(&text)
    }

    pub(super) fn required_parse<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        let text = self.required_spanned::<String>(key)?;
        self.parse_text(&text)
    }

    pub(super) fn parse_list<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Vec<T> {
        let texts = self.optional::<Vec<Spanned<String>>>(key).unwrap_or_default();
        texts.iter().filter_map(|text| self.parse_text(text)).collect()
    }

    pub(super) fn parse_text<T: FromStr<Err: Display>>(&mut self, text: &Spanned<String>) -> Option<T> {
        match text.value.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.reject(text.span, format!("`{}`: {error}", text.value));
                None
            }
        }
    }

    /// The same with the place of what is parsed.
    pub(super) fn required_parse_spanned<T: FromStr<Err: Display>>(
        &mut self,
        key: &'static str,
    ) -> Option<Spanned<T>> {
        let text = self.required_spanned::<String>(key)?;
        self.parse_text(&text).map(|value| Spanned::with_span(value, text.span))
    }

    /// A port, or the default where the file has none; `None` when the file has something else there.
    pub(super) fn port(&mut self, key: &'static str, default: u16) -> Option<Port> {
        if !self.contains(key) {
            return Some(Port { number: default, span: None });
        }
        let port = self.optional_spanned::<u16>(key)?;
        if port.value == 0 {
            self.reject(port.span, "a port is a number from 1 to 65535");
            return None;
        }
        Some(Port { number: port.value, span: Some(port.span) })
    }

    /// A path, relative to where the program was started.
    pub(super) fn path(&mut self, key: &'static str) -> Option<Spanned<PathBuf>> {
        let path = self.optional_spanned::<String>(key)?;
        if path.value.is_empty() {
            self.reject(path.span, format!("`{key}` is empty: it names a file"));
            return None;
        }
        Some(Spanned::with_span(path.value.into(), path.span))
    }

    /// A network and the box's address in it: both, or neither.
    pub(super) fn side<N, A>(
        &mut self,
        network_key: &'static str,
        address_key: &'static str,
    ) -> Option<Side<N, A>>
    where
        N: FromStr<Err: Display> + Copy + Into<IpNet>,
        A: FromStr<Err: Display> + Copy + Into<IpAddr>,
    {
        let network_text = self.optional_spanned::<String>(network_key);
        let address_text = self.optional_spanned::<String>(address_key);
        let (network_text, address_text) = match (network_text, address_text) {
            (Some(network), Some(address)) => (network, address),
            (None, None) => return None,
            (Some(alone), None) => {
                self.reject(alone.span, format!("`{network_key}` stands without `{address_key}`"));
                return None;
            }
            (None, Some(alone)) => {
                self.reject(alone.span, format!("`{address_key}` stands without `{network_key}`"));
                return None;
            }
        };
        let network = self.parse_text::<N>(&network_text);
        let address = self.parse_text::<A>(&address_text);
        let (network, address) = (network?, address?);
        self.check_side(network.into(), network_text.span, address.into(), address_text.span);
        Some(Side { network, address })
    }

    fn check_side(&mut self, network: IpNet, network_span: Span, address: IpAddr, address_span: Span) {
        if network.trunc() != network {
            let message = format!("`{network}` has host bits: the network is {}", network.trunc());
            self.reject(network_span, message);
        } else if !network.contains(&address) {
            self.reject(address_span, format!("the address {address} is outside the network {network}"));
        } else if network.prefix_len() + 1 < network.max_prefix_len()
            && (address == network.network() || (address.is_ipv4() && address == network.broadcast()))
        {
            self.reject(address_span, format!("{address} is not an address of a machine in {network}"));
        }
    }

    pub(super) fn find_timezone(&mut self, name: &Spanned<String>) -> Option<TimeZone> {
        match TimeZone::get(&name.value) {
            Ok(timezone) => Some(timezone),
            Err(_) => {
                let message =
                    format!("`{}` is no time zone, as Europe/Paris or Indian/Reunion are", name.value);
                self.reject(name.span, message);
                None
            }
        }
    }
}

pub(super) fn mistake(span: Span, message: impl Into<Cow<'static, str>>) -> Error {
    Error::from((ErrorKind::Custom(message.into()), span))
}
