package runlog

// has says whether the effect of the request of that number is there.
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

// Lost says whether something that was acknowledged is not there.
func (r Run) Lost(found map[string]Found) bool {
	for request := created; request <= r.Done; request++ {
		if !r.has(found[r.Name], request) {
			return true
		}
	}
	return false
}

// Refused says whether a request was answered with an error, or not at all.
func (r Run) Refused() bool { return r.Err != nil }

// Worked says whether a request that was answered with an error, or not at all, has
// had its effect all the same.
func (r Run) Worked(found map[string]Found) bool {
	return r.Refused() && r.has(found[r.Name], r.Done+1)
}
