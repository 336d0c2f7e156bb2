//! Links followed by hand, so that every step stays beneath the root on every system.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{Failure, Followed, Handle, refused};
use crate::tree::EntryKind;

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;

/// Opens the regular file that the link at `path` leads to, if that lies beneath `root`.
///
/// An absolute target is refused even when it lies beneath: it would lead elsewhere once the model is copied.
pub(super) fn follow(root: &Handle, path: &Path) -> Result<Followed, Failure> {
    let name = path.file_name().ok_or(Failure::Gone)?;
    // The directory reached so far: free of links, so that `..` is its parent.
    let mut reached = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut directory = root.open_dir(&reached)?;
    let mut ahead = vec![name.to_owned()];
    let mut links = 0;
    while let Some(part) = ahead.pop() {
        if part == "." {
            continue;
        }
        if part == ".." {
            if !reached.pop() {
                return Ok(Followed::Refused(refused::OUTSIDE));
            }
            directory = root.open_dir(&reached)?;
            continue;
        }
        let kind = match directory.kind_of(&part) {
            Err(Failure::Gone) if links > 0 => return Ok(Followed::Refused(refused::BROKEN)),
            kind => kind?,
        };
        match kind {
            EntryKind::Symlink => {
                links += 1;
                if links > MOST_LINKS {
                    return Ok(Followed::Refused(refused::LOOP));
                }
                let target = directory.read_link(&part)?;
                if target.starts_with(b"/") {
                    return Ok(Followed::Refused(refused::ABSOLUTE));
                }
                // An empty part, as in `a/`, asks for a directory just as `.` does.
                ahead.extend(target.rsplit(|byte| *byte == b'/').map(|part| match part {
                    b"" => OsString::from("."),
                    part => OsStr::from_bytes(part).to_owned(),
                }));
            }
            // It was a link when it was listed.
            _ if links == 0 => return Err(Failure::Gone),
            EntryKind::Directory => enter(&mut directory, &mut reached, &part)?,
            EntryKind::File if ahead.is_empty() => return directory.open_file(&part).map(Followed::File),
            EntryKind::File => return Ok(Followed::Refused(refused::BROKEN)),
            EntryKind::Special => return Ok(Followed::Refused(refused::SPECIAL)),
        }
    }
    Ok(Followed::Refused(refused::DIRECTORY))
}

fn enter(directory: &mut Handle, reached: &mut PathBuf, part: &OsStr) -> Result<(), Failure> {
    *directory = directory.step(part)?;
    reached.push(part);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_files_beneath_the_root_are_reached() {
        let outer = tempfile::tempdir().unwrap();
        let model = outer.path().join("m");
        fs::create_dir_all(model.join("d/e")).unwrap();
        fs::write(model.join("f"), "f").unwrap();
        fs::write(model.join("d/g"), "g").unwrap();
        fs::write(outer.path().join("secret"), "s").unwrap();
        let (root, _) = Handle::open_root(&model).unwrap().unwrap();
        let leads = |at: &str, target: &str| {
            let path = model.join(at);
            symlink(target, &path).unwrap();
            let followed = follow(&root, Path::new(at)).unwrap();
            fs::remove_file(path).unwrap();
            match followed {
                Followed::File(file) => {
                    let mut byte = [0];
                    file.read_at(&mut byte, 0).unwrap();
                    if byte == *b"f" { "f" } else { "g" }
                }
                Followed::Refused(why) => why,
            }
        };
        symlink("f", model.join("chain")).unwrap();
        symlink("d", model.join("dir")).unwrap();
        symlink("loop", model.join("loop")).unwrap();
        assert_eq!(leads("l", "f"), "f");
        assert_eq!(leads("l", "./d//g"), "g");
        assert_eq!(leads("l", "chain"), "f");
        assert_eq!(leads("l", "dir/g"), "g");
        assert_eq!(leads("d/e/l", "../../f"), "f");
        assert_eq!(leads("d/l", "e/../g"), "g");
        assert_eq!(leads("l", "nothing"), refused::BROKEN);
        assert_eq!(leads("l", "f/"), refused::BROKEN);
        assert_eq!(leads("l", "f/x"), refused::BROKEN);
        assert_eq!(leads("l", "loop"), refused::LOOP);
        assert_eq!(leads("l", "l"), refused::LOOP);
        assert_eq!(leads("l", "../secret"), refused::OUTSIDE);
        assert_eq!(leads("l", "d/../../secret"), refused::OUTSIDE);
        assert_eq!(leads("l", "../m/f"), refused::OUTSIDE);
        assert_eq!(leads("l", "/etc/passwd"), refused::ABSOLUTE);
        assert_eq!(leads("l", "d"), refused::DIRECTORY);
        assert_eq!(leads("l", "."), refused::DIRECTORY);
        assert_eq!(leads("d/l", ".."), refused::DIRECTORY);
    }

    #[test]
    fn a_link_that_became_a_file_or_nothing_is_gone() {
        let model = tempfile::tempdir().unwrap();
        fs::write(model.path().join("f"), "f").unwrap();
        let (root, _) = Handle::open_root(model.path()).unwrap().unwrap();
        assert!(matches!(follow(&root, Path::new("f")), Err(Failure::Gone)));
        assert!(matches!(follow(&root, Path::new("x")), Err(Failure::Gone)));
    }
}
