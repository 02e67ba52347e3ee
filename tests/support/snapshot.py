"""A directory tree taken as it is, and put back in place: the same inodes of
files and directories, the same bytes and times.  Packetboat tells a restored
mail store by its inodes, so that a copy would not do."""

import os
import shutil
import stat


class Snapshot:
    """of `root`; `store`: a directory beside it, which this one makes."""

    def __init__(self, root, store):
        self.root, self.store = root, store
        self.dirs = []      # (path, inode, mode, mtime), parents first
        self.files = []     # (path, inode, mode, mtime, bytes)
        os.makedirs(store)
        self._take('')

    def _take(self, path):
        full = os.path.join(self.root, path)
        st = os.stat(full)
        self.dirs.append((path, st.st_ino, st.st_mode & 0o7777,
                          st.st_mtime_ns))
        for entry in os.scandir(full):
            name = os.path.join(path, entry.name)
            if entry.is_dir(follow_symlinks=False):
                self._take(name)
                continue
            st = entry.stat(follow_symlinks=False)
            if not stat.S_ISREG(st.st_mode):
                raise ValueError('%s: not a regular file' % entry.path)
            with open(entry.path, 'rb') as file:
                data = file.read()
            kept = os.path.join(self.store, str(st.st_ino))
            if not os.path.exists(kept):
                os.link(entry.path, kept)
            self.files.append((name, st.st_ino, st.st_mode & 0o7777,
                               st.st_mtime_ns, data))

    def restore(self):
        limbo = self.store + '.limbo'
        os.mkdir(limbo)
        wanted = {inode for _, inode, _, _ in self.dirs}
        self._clear('', wanted, limbo)
        for path, inode, mode, _ in self.dirs[1:]:
            kept = os.path.join(limbo, str(inode))
            full = os.path.join(self.root, path)
            if os.path.exists(kept):
                os.rename(kept, full)
            else:
                os.mkdir(full)
            os.chmod(full, mode)
        for path, inode, mode, mtime, data in self.files:
            full = os.path.join(self.root, path)
            os.link(os.path.join(self.store, str(inode)), full)
            self._refill(full, mode, mtime, data)
        for path, _, _, mtime in self.dirs:
            os.utime(os.path.join(self.root, path), ns=(mtime, mtime))
        shutil.rmtree(limbo)

    @staticmethod
    def _refill(full, mode, mtime, data):
        with open(full, 'rb') as file:
            same = file.read() == data
        if not same:
            with open(full, 'r+b') as file:
                file.truncate(0)
                file.write(data)
        st = os.stat(full)
        if st.st_mode & 0o7777 != mode:
            os.chmod(full, mode)
        if st.st_mtime_ns != mtime:
            os.utime(full, ns=(mtime, mtime))

    def _clear(self, path, wanted, limbo):
        """Directories that are wanted go to limbo, empty; all else goes."""
        full = os.path.join(self.root, path)
        for entry in list(os.scandir(full)):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            self._clear(os.path.join(path, entry.name), wanted, limbo)
            if entry.inode() in wanted:
                os.rename(entry.path,
                          os.path.join(limbo, str(entry.inode())))
            else:
                os.rmdir(entry.path)
