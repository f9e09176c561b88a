package backup

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
)

// Seal encrypts the root secret with the recovery passphrase, as `age --passphrase` does and `age
// --decrypt` reads.
func Seal(root, passphrase string) (string, error) {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return "", fmt.Errorf("encrypt the root secret: %w", err)
	}
	var sealed bytes.Buffer
	text := armor.NewWriter(&sealed)
	closed, err := age.Encrypt(text, recipient)
	if err != nil {
		return "", fmt.Errorf("encrypt the root secret: %w", err)
	}
	_, err = io.WriteString(closed, root)
	if err := errors.Join(err, closed.Close(), text.Close()); err != nil {
		return "", fmt.Errorf("encrypt the root secret: %w", err)
	}
	return sealed.String(), nil
}

// Unseal decrypts the root secret. Its identity must match the snapshot's.
func Unseal(sealed, passphrase, identity string) (string, error) {
	key, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return "", fmt.Errorf("decrypt the root secret: %w", err)
	}
	opened, err := age.Decrypt(armor.NewReader(bytes.NewReader([]byte(sealed))), key)
	if err != nil {
		return "", fmt.Errorf("the recovery passphrase opens the snapshots, but not the root secret in this one, which was encrypted with an earlier passphrase: use that one: %w", err)
	}
	root, err := io.ReadAll(opened)
	if err != nil {
		return "", fmt.Errorf("decrypt the root secret: %w", err)
	}
	got, err := Identity(string(root))
	if err != nil {
		return "", err
	}
	if got != identity {
		return "", fmt.Errorf("the root secret in the snapshot belongs to stack %s, want %s as in its manifest: the snapshot was tampered with", got, identity)
	}
	return string(root), nil
}

// Identity distinguishes stacks by their root secrets, and reveals nothing about them.
func Identity(root string) (string, error) {
	derived, err := credentials.Derive(root, "backup/identity", 1)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(derived[:8]), nil
}
