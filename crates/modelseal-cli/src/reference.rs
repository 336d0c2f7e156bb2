pub(crate) struct Call;
pub(crate) fn recognize(_: &[std::ffi::OsString]) -> Option<Call> {
    None
}
pub(crate) fn run(_: &Call, c: crate::output::Console) -> u8 {
    c.finish(Ok(0))
}
