"""Directory trees taken as they are, and put back in place: the same inodes of
files and directories, the same bytes and times.  Packetboat tells a restored
mail store by its inodes, so that a copy would not do.

A file's inode is kept by a link.  A directory has no other name: one that is
not wanted for now lies in `limbo`, under the number of its inode.  One that
somebody else removed for good is made anew.
"""

import os
import stat


class Snapshots:
    """Of what lies below `root`; `store`: a directory beside it."""

    def __init__(self, root, store):
        self.root, self.store = root, store
        self.files = os.path.join(store, 'files')
        self.limbo = os.path.join(store, 'limbo')
        self.known = set()      # inodes of directories in any snapshot
        os.makedirs(self.files)
        os.makedirs(self.limbo)

    def take(self):
        return Snapshot(self)

    def remove(self, path):
        """As rm -r, but directories that are in a snapshot are kept."""
        for entry in list(os.scandir(path)):
            if entry.is_dir(follow_symlinks=False):
                self.remove(entry.path)
            else:
                os.unlink(entry.path)
        inode = os.stat(path).st_ino
        if inode in self.known:
            os.rename(path, os.path.join(self.limbo, str(inode)))
        else:
            os.rmdir(path)


class Snapshot:
    def __init__(self, all_of_them):
        self.all = all_of_them
        self.dirs = []      # (path, inode, mode, mtime), parents first
        self.files = []     # (path, inode, mode, mtime, bytes)
        self._take('')

    def _take(self, path):
        full = os.path.join(self.all.root, path)
        st = os.stat(full)
        self.dirs.append((path, st.st_ino, st.st_mode & 0o7777,
                          st.st_mtime_ns))
        self.all.known.add(st.st_ino)
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
            kept = os.path.join(self.all.files, str(st.st_ino))
            if not os.path.exists(kept):
                os.link(entry.path, kept)
            self.files.append((name, st.st_ino, st.st_mode & 0o7777,
                               st.st_mtime_ns, data))

    def restore(self):
        root = self.all.root
        for entry in list(os.scandir(root)):
            if entry.is_dir(follow_symlinks=False):
                self.all.remove(entry.path)
            else:
                os.unlink(entry.path)
        for path, inode, mode, _ in self.dirs[1:]:
            kept = os.path.join(self.all.limbo, str(inode))
            full = os.path.join(root, path)
            if os.path.exists(kept):
                os.rename(kept, full)
            else:
                os.mkdir(full)
            os.chmod(full, mode)
        for path, inode, mode, mtime, data in self.files:
            full = os.path.join(root, path)
            os.link(os.path.join(self.all.files, str(inode)), full)
            self._refill(full, mode, mtime, data)
        for path, _, _, mtime in self.dirs:
            os.utime(os.path.join(root, path), ns=(mtime, mtime))

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
