package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// VendorServers are the vendor's two download sites, as URL patterns of a plugin's archive with
// {name}, {version} and {file}.
func VendorServers() []string {
	return []string{
		"https://github.com/pulumi/pulumi-{name}/releases/download/v{version}/{file}",
		vendorPlugins + "/{file}",
	}
}

// PinChecksums downloads the archives of all plugins for all platforms from each server and
// writes the table of their checksums. It fails unless all servers have the same archives.
func PinChecksums(ctx context.Context, to io.Writer, servers []string) error {
	var table strings.Builder
	for line := range strings.Lines(checksumTable) {
		if strings.HasPrefix(line, "#") {
			table.WriteString(line)
		}
	}
	for _, p := range plugins {
		for _, platform := range checksumPlatforms {
			sum, err := sumAt(ctx, p, platform, servers)
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(&table, "%s %s\n", checksumKey(p, platform), sum)
		}
	}
	_, err := io.WriteString(to, table.String())
	return err
}

func sumAt(ctx context.Context, p part, platform string, servers []string) (sum string, err error) {
	file := fmt.Sprintf("pulumi-resource-%s-v%s-%s.tar.gz", p.plugin, p.version, platform)
	for i, server := range servers {
		address := strings.NewReplacer("{name}", p.plugin, "{version}", p.version, "{file}", file).Replace(server)
		got, err := sumOf(ctx, address)
		if err != nil {
			return "", err
		}
		if i > 0 && got != sum {
			return "", fmt.Errorf("%s has SHA-256 %s, want that of the other sites, %s", address, got, sum)
		}
		sum = got
	}
	return sum, nil
}

func sumOf(ctx context.Context, address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	archive, err := archiveAt(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = archive.Close() }()
	digest := sha256.New()
	if _, err := io.Copy(digest, archive); err != nil {
		return "", fmt.Errorf("GET %s: %w", address, err)
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}
