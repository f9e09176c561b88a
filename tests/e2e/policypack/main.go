// Command policypack is a policy pack in Go for the tests: it forbids ports that other machines
// reach, and advises against containers without a memory limit.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"
)

const container = "docker:index/container:Container"

func main() {
	if err := policyx.Main(pack); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func pack(*pulumi.Context) (policyx.PolicyPack, error) {
	return policyx.NewPolicyPack("house-rules", semver.MustParse("1.0.0"), policyx.EnforcementLevelMandatory, []policyx.Policy{
		policyx.NewResourceValidationPolicy("no-public-port", policyx.ResourceValidationPolicyArgs{
			Description: "No container is published to other machines.", EnforcementLevel: policyx.EnforcementLevelMandatory, ValidateResource: noPublicPort,
		}),
		policyx.NewResourceValidationPolicy("no-host-names", policyx.ResourceValidationPolicyArgs{
			Description: "Containers have names of the house.", EnforcementLevel: policyx.EnforcementLevelAdvisory, ValidateResource: houseName,
		}),
	})
}

func noPublicPort(_ context.Context, args policyx.ResourceValidationArgs) error {
	if args.Resource.Type != container {
		return nil
	}
	for _, published := range list(args.Resource.Properties.Get("ports")) {
		if published.IsMap() && published.AsMap().Get("ip").IsString() {
			if ip := published.AsMap().Get("ip").AsString(); ip != "127.0.0.1" {
				args.Manager.ReportViolation(fmt.Sprintf("it is published on %s", ip), "")
			}
		}
	}
	return nil
}

func houseName(_ context.Context, args policyx.ResourceValidationArgs) error {
	name := args.Resource.Properties.Get("name")
	if args.Resource.Type == container && name.IsString() {
		args.Manager.ReportViolation(fmt.Sprintf("%s is no name of the house", name.AsString()), "")
	}
	return nil
}

func list(v property.Value) []property.Value {
	if !v.IsArray() {
		return nil
	}
	return v.AsArray().AsSlice()
}
