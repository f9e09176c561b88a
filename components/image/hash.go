package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Hash returns a SHA-256, in hexadecimal, of all inputs of a built image: the base's name, the date of its
// Debian packages if one is set, and the path, executable bit and content of every file in the folder. Times
// and owners are ignored, so two clones of one commit have the same hash.
func Hash(folder, base, date string) (string, error) {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "base %q\n", base) // writing to a hash never fails
	if date != "" {
		_, _ = fmt.Fprintf(sum, "date %q\n", date)
	}
	files := 0
	// WalkDir walks in lexical order, the same on every machine.
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s: got %s, want regular files only", name, info.Mode().Type())
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		_, _ = fmt.Fprintf(sum, "file %q %t %d\n", filepath.ToSlash(name), info.Mode()&0o111 != 0, len(content))
		_, _ = sum.Write(content)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("build context %s: %w", folder, err)
	}
	if files == 0 {
		return "", fmt.Errorf("build context %s: got no file, want at least a Dockerfile", folder)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
