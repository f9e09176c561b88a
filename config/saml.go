package config

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// SAML is a SAML 2.0 provider.
type SAML struct {
	// MetadataFile is the absolute path of a file with the provider's metadata document.
	MetadataFile string `json:"metadataFile"`
	// MetadataURL is where the provider publishes it; verify and doctor compare the two.
	MetadataURL string `json:"metadataURL"`
	// GroupsAttribute is the attribute with the user's groups.
	GroupsAttribute string `json:"groupsAttribute"`
	// EmailAttribute is the attribute with the user's e-mail address.
	EmailAttribute string `json:"emailAttribute"`
}

func (s *SAML) setDefaults() { s.GroupsAttribute, s.EmailAttribute = "groups", "email" }

// Descriptor is the metadata of a SAML provider.
type Descriptor struct {
	// Entity is its entity ID, SignOn the URL to which a browser posts a form.
	Entity, SignOn string
	// Certificates verify its signatures; in base64 without line breaks.
	Certificates []string
}

const (
	samlMetadata = "urn:oasis:names:tc:SAML:2.0:metadata"
	postBinding  = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
)

// ReadDescriptor reads the document from a file. The login URL must be https, and there must be a
// certificate: responses without a valid signature are refused.
func ReadDescriptor(path string) (Descriptor, error) {
	content, err := readMetadata(path)
	if err != nil {
		return Descriptor{}, err
	}
	var document struct {
		XMLName  xml.Name
		EntityID string `xml:"entityID,attr"`
		Provider struct {
			Keys []struct {
				Use          string   `xml:"use,attr"`
				Certificates []string `xml:"KeyInfo>X509Data>X509Certificate"`
			} `xml:"KeyDescriptor"`
			SignOn []struct {
				Binding  string `xml:"Binding,attr"`
				Location string `xml:"Location,attr"`
			} `xml:"SingleSignOnService"`
		} `xml:"IDPSSODescriptor"`
	}
	if err := xml.Unmarshal(content, &document); err != nil {
		return Descriptor{}, fmt.Errorf("%s is not the XML document of a SAML provider: %w", path, err)
	}
	if document.XMLName.Space != samlMetadata || document.XMLName.Local != "EntityDescriptor" {
		return Descriptor{}, fmt.Errorf("%s begins with %s, want the EntityDescriptor of one SAML provider", path, document.XMLName.Local)
	}
	d := Descriptor{Entity: document.EntityID}
	for _, service := range document.Provider.SignOn {
		if service.Binding == postBinding && d.SignOn == "" {
			d.SignOn = service.Location
		}
	}
	for _, key := range document.Provider.Keys {
		if key.Use != "" && key.Use != "signing" {
			continue
		}
		for _, certificate := range key.Certificates {
			plain := strings.Join(strings.Fields(certificate), "")
			if _, err := base64.StdEncoding.DecodeString(plain); err != nil || plain == "" {
				return Descriptor{}, fmt.Errorf("%s: got an X509Certificate that is not base64, want a certificate", path)
			}
			d.Certificates = append(d.Certificates, plain)
		}
	}
	var errs []error
	if d.Entity == "" {
		errs = append(errs, fmt.Errorf("%s: entityID is missing, want the provider's name", path))
	}
	if len(d.Certificates) == 0 {
		errs = append(errs, fmt.Errorf("%s: got no certificate for signing, want one: answers without a signature are refused", path))
	}
	if err := checkEndpoint(d.SignOn); err != nil {
		errs = append(errs, fmt.Errorf("%s: SingleSignOnService by HTTP-POST: %w", path, err))
	}
	return d, errors.Join(errs...)
}

func (v *validation) saml(key string, s *SAML) {
	if _, err := ReadDescriptor(s.MetadataFile); err != nil {
		v.fail(key+".metadataFile", "%w", err)
	}
	if err := checkEndpoint(s.MetadataURL); err != nil {
		v.fail(key+".metadataURL", "%w", err)
	}
	for name, got := range map[string]string{"groupsAttribute": s.GroupsAttribute, "emailAttribute": s.EmailAttribute} {
		if !claimPattern.MatchString(got) {
			v.fail(key+"."+name, "got %q, want the name of an attribute", got)
		}
	}
}
