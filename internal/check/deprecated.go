package check

import "encoding/json"

// renamedKeys lists the renamed keys of a finding in JSON. For one release a finding has both.
var renamedKeys = []struct{ old, current string }{
	{"organ", "component"},
	{"what", "summary"},
	{"mend", "fix"},
}

// MarshalJSON writes a finding under its current keys, followed by the old ones.
func (f Finding) MarshalJSON() ([]byte, error) {
	type plain Finding // without this method
	text, err := json.Marshal(plain(f))
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	for _, key := range renamedKeys {
		text = append(text[:len(text)-1], `,"`+key.old+`":`...)
		text = append(append(text, members[key.current]...), '}')
	}
	return text, nil
}
