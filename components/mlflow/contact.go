package mlflow

import (
	"errors"
	"net/mail"
	"net/url"
)

// maxContactLength keeps the contact on one line of a page.
const maxContactLength = 200

// CheckContact accepts what a browser can open: an e-mail address without a name, or an https
// URL. Empty is no contact.
func CheckContact(contact string) error {
	if contact == "" {
		return nil
	}
	if len(contact) <= maxContactLength {
		if address, err := mail.ParseAddress(contact); err == nil && address.Name == "" && address.Address == contact {
			return nil
		}
		if u, err := url.Parse(contact); err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil {
			return nil
		}
	}
	return errors.New("want an e-mail address such as ml-platform@example.com, or an https URL, of at most 200 characters")
}
