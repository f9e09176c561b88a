package realm

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// passwordPolicies are the policies of Keycloak, and whether their value is a number. Those with
// another value, or none, take any text.
var passwordPolicies = map[string]bool{
	"length": true, "maxLength": true, "digits": true, "lowerCase": true, "upperCase": true, "specialChars": true,
	"passwordHistory": true, "passwordAge": true, "forceExpiredPasswordChange": true, "hashIterations": true, "maxAuthAge": true,
	"recoveryCodesWarningThreshold": true,
	"notUsername":                   false, "notContainsUsername": false, "notEmail": false, "regexPattern": false, "hashAlgorithm": false, "passwordBlacklist": false,
}

// PasswordPolicies are the names of Keycloak's policies, in order.
func PasswordPolicies() []string {
	var names []string
	for name := range passwordPolicies {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

var onePolicy = regexp.MustCompile(`^([A-Za-z]+)(?:\((.*)\))?$`)

// CheckPasswordPolicy reports what Keycloak would refuse in the middle of an update: a policy in its
// notation, such as "length(12) and notUsername(undefined)".
func CheckPasswordPolicy(text string) error {
	for one := range strings.SplitSeq(text, " and ") {
		one = strings.TrimSpace(one)
		found := onePolicy.FindStringSubmatch(one)
		if found == nil {
			return fmt.Errorf("which has %q, want policies such as length(12), joined by \" and \"", one)
		}
		name, value := found[1], found[2]
		numeric, known := passwordPolicies[name]
		if !known {
			return fmt.Errorf("which has the unknown policy %q, want one of %s", name, strings.Join(PasswordPolicies(), ", "))
		}
		if n, err := strconv.Atoi(value); numeric && (err != nil || n < 0) {
			return fmt.Errorf("which has %q, want a number in %s(…)", one, name)
		}
		if name == "regexPattern" && value == "" || name == "passwordBlacklist" && value == "" {
			return fmt.Errorf("which has %q, want a value in %s(…)", one, name)
		}
	}
	return nil
}
