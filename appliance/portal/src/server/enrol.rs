//! The page of a fresh box. It is for everybody in the school's network as long as the box is nobody's: the code proves who the hub is.

use super::Portal;
use super::people::{Answer, refuse_form, visitor};
use super::visit::{Jar, Visit, token_of};
use crate::pages::EnrolPage;
use crate::pages::people::LinePage;
use crate::{Trouble, TypedLine};

/// The page, or what came of a form. Who comes to a box that is not fresh is led home.
pub(super) fn answer(portal: &Portal, visit: &Visit) -> Result<Answer, Trouble> {
    let Some(enrolment) = portal.source.enrolment() else { return Ok(Answer::see("/")) };
    let (cookie, is_new) = visitor(visit)?;
    let hub = visit.field(EnrolPage::HUB_FIELD).unwrap_or_default();
    let head = visit.field(EnrolPage::HEAD_FIELD).unwrap_or_default();
    let mut trouble = None;
    if visit.is_post {
        if !visit.is_own_form(Jar::Visitor) {
            return Ok(refuse_form(portal, visit));
        }
        let code = visit.field(EnrolPage::CODE_FIELD).unwrap_or_default();
        let secret = visit.field(EnrolPage::SECRET_FIELD).unwrap_or_default();
        match portal.source.enrol(code, hub, (head, secret)) {
            Ok(()) => return Ok(Answer::see(EnrolPage::PATH)),
            Err(setback) => trouble = Some(setback),
        }
    }
    let place = &portal.settings.place;
    let page = EnrolPage { place, enrolment: &enrolment, trouble, hub, head, token: &token_of(&cookie) };
    let answer = Answer::page(page.status(), page.render(visit.language));
    Ok(if is_new { answer.with(Jar::Visitor, Some(cookie)) } else { answer })
}

/// How a fresh box is on its line, and what came of a form: nothing works without the line, and nobody signs in yet.
pub(super) fn answer_line(portal: &Portal, visit: &Visit) -> Result<Answer, Trouble> {
    let Some(seat) = portal.source.fresh_line() else { return Ok(Answer::see("/")) };
    let (cookie, is_new) = visitor(visit)?;
    let (mut typed, mut trouble) = (None, None);
    if visit.is_post {
        if !visit.is_own_form(Jar::Visitor) {
            return Ok(refuse_form(portal, visit));
        }
        let line = read_line(visit);
        match portal.source.change_fresh_line(&line) {
            Ok(()) => return Ok(Answer::see(LinePage::FRESH_PATH)),
            Err(fault) => (typed, trouble) = (Some(line), Some(fault.into())),
        }
    }
    let (place, token) = (&portal.settings.place, &token_of(&cookie));
    let page = LinePage { place, person: None, seat: &seat, typed, trouble, token };
    let answer = Answer::page(page.status(), page.render(visit.language));
    Ok(if is_new { answer.with(Jar::Visitor, Some(cookie)) } else { answer })
}

/// What was typed into the form.
pub(super) fn read_line(visit: &Visit) -> TypedLine<'_> {
    if visit.field(LinePage::KIND_FIELD) != Some(LinePage::FIXED) {
        return TypedLine::Dhcp;
    }
    let [address, gateway, resolvers] = LinePage::FIELDS.map(|name| visit.field(name).unwrap_or_default());
    TypedLine::Fixed { address, gateway, resolvers }
}
