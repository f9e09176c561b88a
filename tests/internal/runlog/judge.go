package runlog

// has reports whether the effect of the request with that number is stored.
func (r Run) has(f Found, request int) bool {
	switch request {
	case logged:
		return f.FullyLogged()
	case filed:
		return f.File && f.Content == r.content()
	case ended:
		return f.Ended()
	default:
		return f.ID != "" && (r.ID == "" || r.ID == f.ID)
	}
}

// Lost reports whether something acknowledged is missing.
func (r Run) Lost(found map[string]Found) bool {
	for request := created; request <= r.Done; request++ {
		if !r.has(found[r.Name], request) {
			return true
		}
	}
	return false
}

// Refused reports whether a request failed or got no response.
func (r Run) Refused() bool { return r.Err != nil }

// Worked reports whether a request that failed or got no response took effect anyway.
func (r Run) Worked(found map[string]Found) bool {
	return r.Refused() && r.has(found[r.Name], r.Done+1)
}
